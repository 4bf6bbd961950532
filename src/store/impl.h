// SPDX-License-Identifier: Apache-2.0
// What store.cc (opening), index.cc (rows) and blobs.cc (files) share.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "store/database.h"
#include "store/store.h"

namespace rkt::store {

struct Store::Impl {
  std::string path;  // DATA/cas
  DirFd cas;
  DirLock lock;  // shared, for the life of the object
  Database db;
  bool writable;
  mutable std::optional<DirFd> partial, locks, trees;  // opened on first use: most commands need none of them
  mutable std::map<std::string, KeyLock> held = {};    // by the key of the image
  mutable std::optional<Statement> by_key = {};        // compiling it costs more than a look at the row

  void need_write() const;                          // throws Errc::denied
  Statement& row_of(const std::string& key) const;  // to be stepped, and reset
};

/// Makes `name` (one level) when missing, open to the directory's group whatever the umask is.
DirFd make_group_dir(const DirFd& parent, const std::string& name);

/// "blobs/ALG/XX/NAME"; throws for a malformed name.
std::string blob_path(const std::string& name);

/// A directory some levels below, without following a link at any of them: members of the group that owns the store can
/// put links there. nullopt when missing.
std::optional<DirFd> find_below(const DirFd& dir, const std::string& path);

}  // namespace rkt::store
