// SPDX-License-Identifier: Apache-2.0
// The tables of the index and how an index of an older engine becomes one of this engine
// (docs/devel/on-disk-format.md). Every version is one step: a text of SQL that ends with nothing but the tables of the
// next version.
#pragma once

#include <cstdint>
#include <string>

#include "store/database.h"
#include "sys/dir.h"

namespace rkt::store {

/// Schema number of this engine, in PRAGMA user_version.
inline constexpr std::int64_t kSchema = 3;

/// The tables of kSchema, in a new file.
void make_tables(const Database& db);

/// Throws the reference's text for an index of a newer engine, and for a file that is no index.
void check_schema(std::int64_t found);

/// From an older version to kSchema, and without the passwords that URLs had before version 3. Under the exclusive
/// store lock, which says that nobody else has the index open. A copy of the old index is left beside it (index.db.vN);
/// the steps are one transaction, so that a kill leaves the old version. `cas`: the directory of the index, at `path`.
void migrate(const Database& db, const DirFd& cas, const std::string& path);

}  // namespace rkt::store
