// SPDX-License-Identifier: Apache-2.0
#include "tree/note.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/error.h"
#include "base/strings.h"
#include "sys/file.h"

namespace rkt::tree {
namespace {

constexpr off_t kMaxNote = off_t{1} << 20;  // the ids of 13,000 layers

}  // namespace

bool is_other_than_wanted(int error) {
  return error == ENOENT || error == ENOTDIR || error == ELOOP || error == EISDIR || error == ENXIO;
}

namespace {

std::optional<UniqueFd> open_regular(const DirFd& dir, const std::string& name, struct stat& st) {
  UniqueFd fd(::openat(dir.get(), name.c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) {
    if (is_other_than_wanted(errno)) return std::nullopt;
    throw Error::from_errno(cat("open ", quoted(name)));
  }
  if (::fstat(fd.get(), &st) < 0) throw Error::from_errno(cat("stat ", quoted(name)));
  if (!S_ISREG(st.st_mode)) return std::nullopt;
  return fd;
}

}  // namespace

std::optional<UniqueFd> find_regular(const DirFd& dir, const std::string& name) {
  struct stat st{};
  return open_regular(dir, name, st);
}

std::optional<std::string> find_note(const DirFd& dir, const std::string& name) {
  struct stat st{};
  const auto fd = open_regular(dir, name, st);
  if (!fd || st.st_size > kMaxNote) return std::nullopt;
  return read_all(fd->get(), name);
}

}  // namespace rkt::tree
