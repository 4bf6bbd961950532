// SPDX-License-Identifier: Apache-2.0
// The trees below the layer that is being written, merged by overlayfs exactly as a pod will see them, read-only. They
// give attributes to directories that the layer only implies, and content to hard links whose target it does not carry.
#pragma once

#include <sys/stat.h>

#include <functional>
#include <optional>
#include <string>

#include "sys/dir.h"
#include "worker/unpack/tar.h"

namespace rkt::unpack {

class Below {
 public:
  /// Asks for them, and waits until they are complete.
  using Ask = std::function<DirFd()>;
  Below() = default;  ///< nothing below
  explicit Below(DirFd merged) : merged_(std::move(merged)) {}
  /// Asked for when they are looked at first. `late`: that may take long.
  Below(Ask ask, bool late) : ask_(std::move(ask)), late_(late) {}
  bool late() const noexcept { return late_; }

  /// What is at `path`, whose parents must be directories, not links to them; a final link is not followed.
  std::optional<struct stat> find(const std::string& path) const;
  UniqueFd open(const std::string& path, int flags) const;
  std::string read_link(const std::string& path) const;
  /// Owner, mode, times and (for directories and regular files) the extended attributes that an archive could carry
  /// too.
  Attributes attributes(const std::string& path, const struct stat& st) const;
  std::vector<std::string> top_names() const;

 private:
  const DirFd& merged() const;
  mutable DirFd merged_;
  mutable Ask ask_;  // empty: merged_ is what there is
  bool late_ = false;
};

/// openat2 with nothing but plain components below `dir`: no links, no "..", no other mount. -1 and errno when that
/// fails.
UniqueFd open_beneath(int dir, const std::string& path, int flags);

/// overlayfs' mark for "nothing here, whatever lies below".
inline bool is_whiteout(const struct stat& st) noexcept { return S_ISCHR(st.st_mode) && st.st_rdev == 0; }

/// The names of all extended attributes of an open file; none where the file system has none.
std::vector<std::string> xattr_names(int fd);

}  // namespace rkt::unpack
