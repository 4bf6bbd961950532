// SPDX-License-Identifier: Apache-2.0
// User namespaces of pods: a range of the host's ids that a pod sees as 0, 1, 2 ….
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sys/fd.h"

namespace rkt {

/// Ids 0 … count-1 of a pod are shift … shift+count-1 of the host.
struct IdRange {
  std::uint32_t shift = 0, count = 0;
  std::string str() const;  ///< SHIFT:COUNT
  static std::optional<IdRange> parse(std::string_view text);
  bool operator==(const IdRange&) const = default;
};

/// A new user namespace with that range. Single-threaded callers only. Throws.
UniqueFd make_user_namespace(const IdRange& range);

/// The same with namespaces that belong to it, so that its root may open low ports, name the host, and so on. From any
/// thread.
struct OwnedNamespaces {
  UniqueFd user, network, ipc, uts;
};
OwnedNamespaces make_owned_namespaces(const IdRange& range);

/// This process becomes root of a user namespace, with all capabilities there and none outside.
void join_user_namespace(int user_namespace);

/// While it lives, files that this process makes belong to that user and group of the host, and it has all its
/// capabilities. 0: nothing changes. For file systems that are mounted with mapped owners, where root of the host is
/// nobody.
class FileOwner {
 public:
  explicit FileOwner(std::uint32_t id);
  ~FileOwner();
  FileOwner(FileOwner&&) = delete;

 private:
  std::uint32_t id_;
};

}  // namespace rkt
