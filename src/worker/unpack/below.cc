// SPDX-License-Identifier: Apache-2.0
#include "worker/unpack/below.h"

#include <linux/limits.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include <utility>

#include "base/error.h"
#include "base/strings.h"

namespace rkt::unpack {

UniqueFd open_beneath(int dir, const std::string& path, int flags) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
  const char* name = path.empty() ? "." : path.c_str();
  for (;;) {
    const long fd = ::syscall(SYS_openat2, dir, name, &how, sizeof how);
    if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) return UniqueFd(static_cast<int>(fd));
  }
}

std::vector<std::string> xattr_names(int fd) {
  std::string names(XATTR_LIST_MAX, '\0');
  const ssize_t n = ::flistxattr(fd, names.data(), names.size());
  if (n < 0 && errno != ENOTSUP) throw Error::from_errno("list extended attributes");
  names.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
  std::vector<std::string> out;
  for (const auto name : split(names, '\0'))
    if (!name.empty()) out.emplace_back(name);
  return out;
}

const DirFd& Below::merged() const {
  if (ask_) merged_ = std::exchange(ask_, nullptr)();
  return merged_;
}

std::optional<struct stat> Below::find(const std::string& path) const {
  if (!merged()) return std::nullopt;
  const UniqueFd fd = open_beneath(merged_.get(), path, O_PATH | O_NOFOLLOW);
  if (!fd && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)) return std::nullopt;
  struct stat st{};
  if (!fd || ::fstat(fd.get(), &st) < 0) throw Error::from_errno(cat("look up ", quoted(path), " in the layers below"));
  // Overlayfs hides its marks; a plain directory does not.
  if (is_whiteout(st)) return std::nullopt;
  return st;
}

UniqueFd Below::open(const std::string& path, int flags) const {
  UniqueFd fd = open_beneath(merged().get(), path, flags | O_NOFOLLOW);
  if (!fd) throw Error::from_errno(cat("open ", quoted(path), " in the layers below"));
  return fd;
}

std::string Below::read_link(const std::string& path) const {
  const UniqueFd fd = open(path, O_PATH);
  std::string out(PATH_MAX, '\0');
  const ssize_t n = ::readlinkat(fd.get(), "", out.data(), out.size());
  if (n < 0) throw Error::from_errno(cat("read the link ", quoted(path), " in the layers below"));
  out.resize(static_cast<std::size_t>(n));
  return out;
}

Attributes Below::attributes(const std::string& path, const struct stat& st) const {
  Attributes out{.mode = st.st_mode & 07777,
                 .uid = st.st_uid,
                 .gid = st.st_gid,
                 .mtime = st.st_mtim,
                 .atime = st.st_atim,
                 .xattrs = {}};
  if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode)) return out;
  const UniqueFd fd = open(path, O_RDONLY);
  for (const auto& name : xattr_names(fd.get())) {
    if (!keep_xattr(name)) continue;
    std::string value(XATTR_SIZE_MAX, '\0');
    const ssize_t n = ::fgetxattr(fd.get(), name.c_str(), value.data(), value.size());
    if (n < 0) throw Error::from_errno(cat("read ", name, " of ", quoted(path), " in the layers below"));
    value.resize(static_cast<std::size_t>(n));
    out.xattrs.emplace_back(name, std::move(value));
  }
  return out;
}

std::vector<std::string> Below::top_names() const { return merged() ? merged_.names() : std::vector<std::string>(); }

}  // namespace rkt::unpack
