// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/copy_tree.h"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>

#include "base/error.h"
#include "base/strings.h"

namespace rkt::native {
namespace {

constexpr int kMaxDepth = 512;

Error failed(const std::string& name) { return Error::from_errno(cat("copy ", quoted(name))); }

// Holes stay holes: an image can say that a file is a terabyte long.
void copy_bytes(int from, int to, off_t size, const std::string& name) {
  if (::ftruncate(to, size) < 0) throw failed(name);
  off_t at = 0;
  while (at < size) {
    const off_t begin = ::lseek(from, at, SEEK_DATA);
    if (begin < 0 && errno == ENXIO) return;  // the rest is a hole
    const off_t end = begin < 0 ? -1 : ::lseek(from, begin, SEEK_HOLE);
    if (end < 0 || ::lseek(to, begin, SEEK_SET) < 0) throw failed(name);
    for (at = begin; at < end;) {
      const ssize_t n = ::sendfile(to, from, &at, static_cast<std::size_t>(end - at));
      if (n == 0) return;  // it has become shorter
      if (n < 0 && errno != EINTR) throw failed(name);
    }
  }
}

// Owner before mode: changing it clears the set-user-ID bit.
void copy_attributes(int dir, const std::string& name, const struct stat& st) {
  const timespec times[2] = {st.st_atim, st.st_mtim};
  if (::fchownat(dir, name.c_str(), st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0) throw failed(name);
  if (!S_ISLNK(st.st_mode) && ::fchmodat(dir, name.c_str(), st.st_mode & 07777, 0) < 0) throw failed(name);
  if (::utimensat(dir, name.c_str(), times, AT_SYMLINK_NOFOLLOW) < 0) throw failed(name);
}

void copy_link(const DirFd& from, const DirFd& to, const std::string& name) {
  char target[PATH_MAX];
  const ssize_t n = ::readlinkat(from.get(), name.c_str(), target, sizeof target);
  if (n < 0) throw failed(name);
  if (::symlinkat(std::string(target, static_cast<std::size_t>(n)).c_str(), to.get(), name.c_str()) < 0)
    throw failed(name);
}

void copy_into(const DirFd& from, const DirFd& to, dev_t device, int depth);

void copy_entry(const DirFd& from, const DirFd& to, const std::string& name, dev_t device, int depth) {
  struct stat st{};
  if (::fstatat(from.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) throw failed(name);
  switch (st.st_mode & S_IFMT) {
    case S_IFREG: {
      const UniqueFd source = from.open_file(name, O_RDONLY);
      const UniqueFd target = to.open_file(name, O_WRONLY | O_CREAT | O_EXCL, 0600);
      copy_bytes(source.get(), target.get(), st.st_size, name);
      break;
    }
    case S_IFDIR:
      if (st.st_dev != device) return;
      copy_into(from.sub(name), to.make_sub(name, 0700), device, depth + 1);
      break;
    case S_IFLNK:
      copy_link(from, to, name);
      break;
    case S_IFSOCK:
      return;
    default:
      if (::mknodat(to.get(), name.c_str(), st.st_mode, st.st_rdev) < 0) throw failed(name);
  }
  copy_attributes(to.get(), name, st);
}

void copy_into(const DirFd& from, const DirFd& to, dev_t device, int depth) {
  if (depth > kMaxDepth) throw Error(Errc::invalid, "copy a directory: it is nested too deeply");
  for (const auto& name : from.names()) copy_entry(from, to, name, device, depth);
}

}  // namespace

void copy_tree(const DirFd& from, const DirFd& to) {
  struct stat st{};
  if (::fstat(from.get(), &st) < 0) throw Error::from_errno("look at a directory to copy");
  copy_into(from, to, st.st_dev, 0);
  copy_attributes(to.get(), ".", st);
}

}  // namespace rkt::native
