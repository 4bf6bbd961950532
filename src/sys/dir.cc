// SPDX-License-Identifier: Apache-2.0
#include "sys/dir.h"

#include <dirent.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/strings.h"
#include "sys/descent.h"

namespace rkt {
namespace {

// What the umask took of a directory that was made. Nothing is followed: others may be at work there.
void give_mode(const DirFd& parent, const std::string& name, mode_t mode) {
  const auto made = parent.find_sub(name);
  struct stat st{};
  if (!made || ::fstat(made->get(), &st) < 0 || (mode & ~st.st_mode) == 0) return;
  if (::fchmod(made->get(), (st.st_mode & 07777) | mode) < 0)
    throw Error::from_errno(cat("set the mode of ", quoted(name)));
}

// What openat2 accepts besides the resolve flags; a mode without O_CREAT is EINVAL there.
UniqueFd openat2_fd(int dir, const std::string& path, int flags, mode_t mode, std::uint64_t resolve) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  how.mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? mode : 0;
  how.resolve = resolve;
  for (;;) {
    const long fd = ::syscall(SYS_openat2, dir, path.c_str(), &how, sizeof how);
    // EAGAIN: a rename or mount raced with a ".." step; the kernel asks for another try.
    if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) return UniqueFd(static_cast<int>(fd));
  }
}

constexpr std::uint64_t kInRoot = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;

// False: a directory with something in it. Missing is fine.
bool removed(int dir, const std::string& name) {
  if (::unlinkat(dir, name.c_str(), 0) == 0 || errno == ENOENT) return true;
  if (errno != EISDIR && errno != EPERM) throw Error::from_errno(cat("remove ", quoted(name)));
  if (::unlinkat(dir, name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return true;
  if (errno != ENOTEMPTY && errno != EEXIST) throw Error::from_errno(cat("remove ", quoted(name)));
  return false;
}

// Not crossing mounts: what is mounted there belongs to somebody else and must not be emptied.
DirFd open_to_empty(int dir, const std::string& name) {
  UniqueFd fd = openat2_fd(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0,
                           RESOLVE_NO_XDEV | RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
  if (!fd) throw Error::from_errno(cat("open ", quoted(name), " for removal"));
  return DirFd(std::move(fd));
}

// What is behind the position of this descriptor.
std::vector<std::string> names_behind(int dir) {
  std::vector<std::string> out;
  alignas(dirent64) std::array<char, 16384> block;
  for (;;) {
    const ssize_t n = ::getdents64(dir, block.data(), block.size());
    if (n == 0 || (n < 0 && errno == ENOENT)) break;  // the latter: it has been removed
    if (n < 0) throw Error::from_errno("list a directory");
    for (const char* at = block.data(); at < block.data() + n;) {
      const auto* entry = reinterpret_cast<const dirent64*>(at);
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") out.emplace_back(name);
      at += entry->d_reclen;
    }
  }
  std::ranges::sort(out);
  return out;
}

std::string in_root_text(std::string_view path) { return path.empty() ? "." : std::string(path); }

}  // namespace

DirFd DirFd::open(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) throw Error::from_errno(cat("open directory ", quoted(path)));
  return DirFd(std::move(fd));
}

std::optional<DirFd> DirFd::find(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd) return DirFd(std::move(fd));
  const int err = errno;
  struct stat st{};
  if (err == ENOENT || (err == ENOTDIR && ::lstat(path.c_str(), &st) < 0)) return std::nullopt;
  throw Error::from_errno(cat("open directory ", quoted(path)), err);
}

DirFd DirFd::clone() const { return DirFd(dup_fd(get())); }

DirFd DirFd::sub(const std::string& name) const { return DirFd(open_file(name, O_RDONLY | O_DIRECTORY)); }

std::optional<DirFd> DirFd::find_sub(const std::string& name) const {
  auto fd = find_file(name, O_RDONLY | O_DIRECTORY);
  if (!fd) return std::nullopt;
  return DirFd(std::move(*fd));
}

std::optional<DirFd> DirFd::find_below(const std::string& path) const {
  UniqueFd fd = openat2_fd(get(), path, O_RDONLY | O_DIRECTORY, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
  if (fd) return DirFd(std::move(fd));
  if (errno == ENOENT) return std::nullopt;
  throw Error::from_errno(cat("open ", quoted(path)));
}

DirFd DirFd::make_sub(const std::string& name, mode_t mode) const {
  if (::mkdirat(get(), name.c_str(), mode) < 0 && errno != EEXIST)
    throw Error::from_errno(cat("make directory ", quoted(name)));
  return sub(name);
}

UniqueFd DirFd::open_file(const std::string& name, int flags, mode_t mode) const {
  UniqueFd fd(::openat(get(), name.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!fd) throw Error::from_errno(cat("open ", quoted(name)));
  return fd;
}

std::optional<UniqueFd> DirFd::find_file(const std::string& name, int flags) const {
  UniqueFd fd(::openat(get(), name.c_str(), flags | O_CLOEXEC | O_NOFOLLOW));
  if (fd) return fd;
  if (errno == ENOENT) return std::nullopt;
  throw Error::from_errno(cat("open ", quoted(name)));
}

bool DirFd::exists(const std::string& name) const {
  struct stat st{};
  if (::fstatat(get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG) return false;
  throw Error::from_errno(cat("look for ", quoted(name)));
}

void DirFd::unlink(const std::string& name) const {
  if (::unlinkat(get(), name.c_str(), 0) < 0 && errno != ENOENT) throw Error::from_errno(cat("remove ", quoted(name)));
}

void DirFd::rename(const std::string& from, const DirFd& to_dir, const std::string& to) const {
  if (::renameat(get(), from.c_str(), to_dir.get(), to.c_str()) < 0)
    throw Error::from_errno(cat("rename ", quoted(from), " to ", quoted(to)));
}

void DirFd::exchange(const std::string& a, const std::string& b) const {
  if (::renameat2(get(), a.c_str(), get(), b.c_str(), RENAME_EXCHANGE) < 0)
    throw Error::from_errno(cat("exchange ", quoted(a), " and ", quoted(b)));
}

void DirFd::sync() const {
  if (::fsync(get()) < 0) throw Error::from_errno("sync a directory");
}

std::vector<std::string> DirFd::names() const {
  const UniqueFd again(::openat(get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!again) throw Error::from_errno("list a directory");
  return names_behind(again.get());
}

std::vector<std::string> DirFd::names_once() const { return names_behind(get()); }

void DirFd::remove_tree(const std::string& name) const {
  if (removed(get(), name)) return;
  Descent place(clone());
  place.down(name, open_to_empty(get(), name));
  while (!place.at_top()) {
    if (const auto entry = place.next()) {
      if (!removed(place.at().get(), *entry)) place.down(*entry, open_to_empty(place.at().get(), *entry));
      continue;
    }
    const std::string done = place.up();
    if (::unlinkat(place.at().get(), done.c_str(), AT_REMOVEDIR) < 0 && errno != ENOENT)
      throw Error::from_errno(cat("remove ", quoted(done)));
  }
}

UniqueFd DirFd::open_in_root(std::string_view path, int flags, mode_t mode) const {
  UniqueFd fd = openat2_fd(get(), in_root_text(path), flags, mode, kInRoot);
  if (!fd) throw Error::from_errno(cat("open ", quoted(path)));
  return fd;
}

std::optional<UniqueFd> DirFd::find_in_root(std::string_view path, int flags) const {
  UniqueFd fd = openat2_fd(get(), in_root_text(path), flags, 0, kInRoot);
  if (fd) return fd;
  if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
  throw Error::from_errno(cat("open ", quoted(path)));
}

DirFd DirFd::make_path_in_root(std::string_view path, mode_t mode) const {
  if (auto there = find_in_root(path, O_RDONLY | O_DIRECTORY)) return DirFd(std::move(*there));
  // Every prefix is resolved from the root again: a component may be a link that leads elsewhere inside it.
  std::string done;
  for (const auto part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    const std::string before = done;
    done += cat("/", part);
    if (find_in_root(done, O_PATH | O_DIRECTORY)) continue;
    const DirFd parent(open_in_root(before, O_PATH | O_DIRECTORY));
    if (::mkdirat(parent.get(), std::string(part).c_str(), mode) == 0)
      give_mode(parent, std::string(part), mode);
    else if (errno != EEXIST)
      throw Error::from_errno(cat("make directory ", quoted(done)));
  }
  return DirFd(open_in_root(done, O_RDONLY | O_DIRECTORY));
}

DirFd make_dirs(const std::string& path, mode_t mode) {
  if (auto there = DirFd::find(path)) return std::move(*there);
  const auto slash = path.find_last_of('/');
  if (slash != std::string::npos && slash > 0) make_dirs(path.substr(0, slash), mode);
  if (::mkdir(path.c_str(), mode) < 0 && errno != EEXIST) throw Error::from_errno(cat("make directory ", quoted(path)));
  return DirFd::open(path);
}

struct stat stat_of(const DirFd& dir) {
  struct stat st{};
  if (::fstat(dir.get(), &st) < 0) throw Error::from_errno("look at a directory");
  return st;
}

}  // namespace rkt
