// SPDX-License-Identifier: Apache-2.0
#include "sys/file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "base/error.h"
#include "base/strings.h"

namespace rkt {
namespace {

// Whatever the umask says. To look costs a tenth of a change.
void make_mode(int fd, mode_t mode, const std::string& name) {
  struct stat st{};
  if (::fstat(fd, &st) == 0 && (st.st_mode & 07777) == mode) return;
  if (::fchmod(fd, mode) < 0) throw Error::from_errno(cat("set the mode of ", quoted(name)));
}

}  // namespace

std::string read_all(int fd, std::string_view what, std::size_t limit) {
  std::string out;
  struct stat st{};
  if (::fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
    out.reserve(std::min(limit, static_cast<std::size_t>(st.st_size)) + 1);
  char buf[16384];
  for (;;) {
    const ssize_t n = ::read(fd, buf, sizeof buf);
    if (n == 0) return out;
    if (n < 0) {
      if (errno == EINTR) continue;
      throw Error::from_errno(cat("read ", quoted(what)));
    }
    out.append(buf, static_cast<std::size_t>(n));
    if (out.size() > limit) throw Error(Errc::invalid, cat(quoted(what), " is larger than ", limit, " bytes"));
  }
}

std::string read_file(const std::string& path, std::size_t limit) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) throw Error::from_errno(cat("open ", quoted(path)));
  return read_all(fd.get(), path, limit);
}

std::string read_file(const DirFd& dir, const std::string& name, std::size_t limit) {
  return read_all(dir.open_file(name, O_RDONLY).get(), name, limit);
}

std::optional<std::string> find_file_text(const DirFd& dir, const std::string& name, std::size_t limit) {
  const auto fd = dir.find_file(name);
  if (!fd) return std::nullopt;
  return read_all(fd->get(), name, limit);
}

void write_all(int fd, std::string_view bytes, std::string_view what) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0) {
      if (errno != EINTR && errno != EAGAIN) throw Error::from_errno(cat("write ", quoted(what)));
      // Whom a terminal or pipe is shared with may have made it one that does not wait.
      pollfd room{fd, POLLOUT, 0};
      if (errno == EAGAIN) ::poll(&room, 1, -1);
      continue;
    }
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

void write_file(const DirFd& dir, const std::string& name, std::string_view bytes, mode_t mode) {
  const UniqueFd fd = dir.open_file(name, O_WRONLY | O_CREAT | O_TRUNC, mode);
  make_mode(fd.get(), mode, name);
  write_all(fd.get(), bytes, name);
}

AtomicFile::AtomicFile(const DirFd& dir, std::string name, mode_t mode, Aside aside)
    : dir_(dir), name_(std::move(name)) {
  std::uint8_t salt[8];
  fill_random(salt);
  tmp_ = cat(".", name_.substr(name_.find_last_of('/') + 1), ".", to_hex(salt));
  if (const auto slash = name_.find_last_of('/'); slash != std::string::npos) tmp_ = name_.substr(0, slash + 1) + tmp_;
  if (aside == Aside::unnamed) {
    const std::string parent = cat("./", tmp_.substr(0, tmp_.find_last_of('/') + 1));
    fd_.reset(::openat(dir.get(), parent.c_str(), O_RDWR | O_TMPFILE | O_CLOEXEC, mode));
  }
  named_ = !fd_;
  if (named_) fd_ = dir.open_file(tmp_, O_RDWR | O_CREAT | O_EXCL, mode);
  make_mode(fd_.get(), mode, name_);
}

AtomicFile::~AtomicFile() {
  if (named_) ::unlinkat(dir_.get(), tmp_.c_str(), 0);
}

void AtomicFile::commit(Sync sync) {
  if (sync == Sync::yes && ::fsync(fd_.get()) < 0) throw Error::from_errno(cat("sync ", quoted(name_)));
  if (!named_ &&
      ::linkat(AT_FDCWD, cat("/proc/self/fd/", fd()).c_str(), dir_.get(), tmp_.c_str(), AT_SYMLINK_FOLLOW) < 0)
    throw Error::from_errno(cat("name ", quoted(name_)));
  named_ = true;
  dir_.rename(tmp_, dir_, name_);
  named_ = false;
  if (sync == Sync::no) return;
  const auto slash = name_.find_last_of('/');
  if (slash == std::string::npos)
    dir_.sync();
  else
    dir_.sub(name_.substr(0, slash)).sync();
}

UniqueFd memory_file(const char* name, std::string_view bytes) {
  UniqueFd fd(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) throw Error::from_errno("make a memory file");
  write_all(fd.get(), bytes, name);
  if (::lseek(fd.get(), 0, SEEK_SET) < 0) throw Error::from_errno("rewind a memory file");
  return fd;
}

void fill_random(std::span<std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::getrandom(bytes.data(), bytes.size(), 0);
    if (n < 0) {
      if (errno == EINTR) continue;
      throw Error::from_errno("read random bytes");
    }
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

std::optional<std::string> env(const char* name) {
  const char* value = ::secure_getenv(name);
  if (value == nullptr) return std::nullopt;
  return value;
}

}  // namespace rkt
