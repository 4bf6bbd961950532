// SPDX-License-Identifier: Apache-2.0
// flock(2) on directories and key files. A lock lives as long as its descriptor, also across exec when it is kept.
// Order of locks: docs/devel/locking.md.
#pragma once

#include <sys/file.h>

#include <optional>
#include <string>

#include "sys/dir.h"

namespace rkt {

enum class LockMode { shared = LOCK_SH, exclusive = LOCK_EX };

class DirLock {
 public:
  static std::optional<DirLock> try_take(UniqueFd dir, LockMode mode);  ///< nullopt: somebody else holds it
  static DirLock take(UniqueFd dir, LockMode mode);                     ///< waits
  int fd() const noexcept { return dir_.get(); }
  UniqueFd release() noexcept { return std::move(dir_); }  ///< the descriptor, still locked

 private:
  explicit DirLock(UniqueFd dir) : dir_(std::move(dir)) {}
  UniqueFd dir_;
};

/// A lock on a name: an empty file in `dir`, made when missing. After locking, the inode is compared with the path and
/// the lock retried, so that a removed lock file is never trusted.
class KeyLock {
 public:
  static KeyLock take(const DirFd& dir, const std::string& key, LockMode mode);
  static std::optional<KeyLock> try_take(const DirFd& dir, const std::string& key, LockMode mode);
  int fd() const noexcept { return fd_.get(); }

 private:
  explicit KeyLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

/// Whether somebody holds an exclusive lock on this directory right now.
bool is_locked(const DirFd& dir);

}  // namespace rkt
