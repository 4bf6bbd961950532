// SPDX-License-Identifier: Apache-2.0
// A new tree as files and directories of the file system: all work is by directory descriptor and single names, so that
// no link of an archive is ever followed by the kernel.
#pragma once

#include <map>
#include <set>

#include "sys/dir.h"
#include "worker/unpack/new_tree.h"

namespace rkt::unpack {

class DirectoryTree final : public NewTree {
 public:
  /// `keep_owner`: owners and privileged attributes are set (root); otherwise everything belongs to the caller.
  DirectoryTree(DirFd root, bool keep_owner);
  std::shared_ptr<NewDirectory> root() override;
  std::shared_ptr<NewDirectory> find_directory(const std::string& path) override;
  void mark_opaque(const std::string& path) override { opaque_.insert(path); }
  /// Sets the times of all directories.
  void finish() override;
  /// Directories that must be marked, after finish(): the caller lets somebody with the privilege do it.
  const std::set<std::string>& opaque_paths() const noexcept { return opaque_; }
  DirFd open_directory(const std::string& path) const;

 private:
  class Directory;
  class File;
  struct Times {
    timespec atime, mtime;
  };

  void forget(const std::string& path);

  DirFd root_;
  bool keep_owner_;
  std::map<std::string, Times> times_;  // what is written into a directory changes them: they are set at the end
  std::set<std::string> opaque_;
};

}  // namespace rkt::unpack
