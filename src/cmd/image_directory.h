// SPDX-License-Identifier: Apache-2.0
// The output directory of `image extract` and `image render`.
#pragma once

#include <optional>
#include <string>

#include "sys/dir.h"
#include "sys/lock.h"

namespace rkt::cmd {

/// DIR, which must not exist, or is a directory that is replaced with `overwrite`: never "/", one in which something is
/// mounted, or one that is, holds or lies in the data directory `data`. Missing directories above are made. DIR itself
/// is made by finish(): until then everything goes into a directory beside it, so that a failure leaves nothing half
/// done under its name.
class OutputDirectory {
 public:
  OutputDirectory(const std::string& path, bool overwrite, const std::string& data);
  ~OutputDirectory();
  OutputDirectory(const OutputDirectory&) = delete;
  OutputDirectory& operator=(const OutputDirectory&) = delete;
  const DirFd& dir() const noexcept { return dir_; }
  /// What becomes DIR: all that was written, or its sub-directory `part`.
  void finish(const std::string& part = {});

 private:
  DirFd parent_, dir_;
  std::optional<DirLock> lock_;  // of dir_: it is not abandoned
  std::string name_, aside_;
};

}  // namespace rkt::cmd
