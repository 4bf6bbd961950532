// SPDX-License-Identifier: Apache-2.0
// A scratch directory that is removed with everything in it when the owner goes.
#pragma once

#include <string>

#include "sys/dir.h"

namespace rkt {

class TempDir {
 public:
  explicit TempDir(const std::string& under = "/tmp");  ///< mode 0700; throws
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const noexcept { return path_; }
  const DirFd& dir() const noexcept { return dir_; }

 private:
  std::string path_;
  DirFd dir_;
};

}  // namespace rkt
