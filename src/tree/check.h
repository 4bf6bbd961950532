// SPDX-License-Identifier: Apache-2.0
// `rkt store check`: everything the store holds against what it should be (docs/devel/store-check.md). Runs beside
// fetches, pods and collections; with `restore` it mends the damaged piece and nothing else.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "store/store.h"

namespace rkt::tree {

struct Finding {
  enum class Kind : std::uint8_t { index, blob, image, remote, tree, stray } kind = Kind::index;
  std::string id;       ///< blob name, image key, URL, tree id, path below cas; "" for the index as a whole
  std::string problem;  ///< "has digest …"
  std::string repair;   ///< what was done; "" nothing
  bool repaired = false;
};
std::string_view kind_name(Finding::Kind kind);

struct CheckOptions {
  bool repair = false;
  /// Gets a blob of that image again, puts it in place and tells where from; throws when it cannot. Only with repair.
  std::function<std::string(const store::ImageRecord&, const std::string& blob)> restore;
  std::function<void(const Finding&)> report;  ///< called for each finding when it is known, in order
};

struct CheckSummary {
  std::size_t images = 0, blobs = 0, trees = 0, findings = 0, unrepaired = 0;
};

/// Needs root: it renders. Throws only when the store cannot be looked at.
CheckSummary check(store::Store& store, const CheckOptions& options);

}  // namespace rkt::tree
