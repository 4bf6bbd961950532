// SPDX-License-Identifier: Apache-2.0
#include "sys/lock.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"

namespace rkt {
namespace {

// true: got it. false: held by somebody else (only with LOCK_NB).
bool lock_fd(int fd, LockMode mode, int extra, std::string_view what) {
  while (::flock(fd, static_cast<int>(mode) | extra) < 0) {
    if (errno == EWOULDBLOCK) return false;
    if (errno != EINTR) throw Error::from_errno(cat("lock ", what));
  }
  return true;
}

std::optional<UniqueFd> take_key(const DirFd& dir, const std::string& key, LockMode mode, int extra) {
  for (int attempt = 0; attempt < 16; ++attempt) {
    UniqueFd fd = dir.open_file(key, O_RDONLY | O_CREAT, 0660);
    struct stat held{}, named{};
    if (::fstat(fd.get(), &held) < 0) throw Error::from_errno(cat("stat ", quoted(key)));
    // Readable is enough for another user of the group, which a umask may have denied.
    if ((held.st_mode & S_IRGRP) == 0 && held.st_uid == ::geteuid() && ::fchmod(fd.get(), held.st_mode | S_IRGRP) < 0)
      throw Error::from_errno(cat("set the mode of ", quoted(key)));
    if (!lock_fd(fd.get(), mode, extra, quoted(key))) return std::nullopt;
    if (::fstatat(dir.get(), key.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 && held.st_dev == named.st_dev &&
        held.st_ino == named.st_ino)
      return fd;
  }
  throw Error(Errc::busy, cat("lock file ", quoted(key), " keeps being replaced"));
}

}  // namespace

std::optional<DirLock> DirLock::try_take(UniqueFd dir, LockMode mode) {
  if (!lock_fd(dir.get(), mode, LOCK_NB, "directory")) return std::nullopt;
  return DirLock(std::move(dir));
}

DirLock DirLock::take(UniqueFd dir, LockMode mode) {
  lock_fd(dir.get(), mode, 0, "directory");
  return DirLock(std::move(dir));
}

KeyLock KeyLock::take(const DirFd& dir, const std::string& key, LockMode mode) {
  return KeyLock(std::move(*take_key(dir, key, mode, 0)));
}

std::optional<KeyLock> KeyLock::try_take(const DirFd& dir, const std::string& key, LockMode mode) {
  auto fd = take_key(dir, key, mode, LOCK_NB);
  if (!fd) return std::nullopt;
  return KeyLock(std::move(*fd));
}

bool is_locked(const DirFd& dir) {
  // An open of its own: a lock belongs to the open file, and taking one on `dir` itself would disturb its owner.
  UniqueFd again(::openat(dir.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!again) throw Error::from_errno("open a directory to test its lock");
  return !lock_fd(again.get(), LockMode::shared, LOCK_NB, "directory");
}

}  // namespace rkt
