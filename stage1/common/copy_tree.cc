// SPDX-License-Identifier: Apache-2.0
#include "stage1/common/copy_tree.h"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <climits>
#include <map>

#include "base/error.h"
#include "base/strings.h"
#include "sys/descent.h"

namespace rkt::stage1 {
namespace {

constexpr std::size_t kLongestPath = PATH_MAX - NAME_MAX - 2;  // of a file that others are linked to

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

std::string by_fd(const DirFd& dir, const std::string& name) { return cat("/proc/self/fd/", dir.get(), "/", name); }

// A file system that has no attributes of a kind leaves them out.
void copy_xattrs(const DirFd& from, const DirFd& to, const std::string& name) {
  const std::string source = by_fd(from, name), target = by_fd(to, name);
  const ssize_t any = ::llistxattr(source.c_str(), nullptr, 0);
  if (any == 0 || (any < 0 && errno == ENOTSUP)) return;
  std::string names(XATTR_LIST_MAX, '\0'), value(XATTR_SIZE_MAX, '\0');
  const ssize_t listed = ::llistxattr(source.c_str(), names.data(), names.size());
  if (listed < 0) throw failed(name);
  names.resize(static_cast<std::size_t>(listed));
  for (const auto part : split(names, '\0')) {
    const std::string key(part);
    if (key.empty()) continue;
    const ssize_t size = ::lgetxattr(source.c_str(), key.c_str(), value.data(), value.size());
    if (size < 0 && errno == ENODATA) continue;
    if (size < 0 || (::lsetxattr(target.c_str(), key.c_str(), value.data(), static_cast<std::size_t>(size), 0) < 0 &&
                     errno != ENOTSUP))
      throw failed(name);
  }
}

// Never through a link: the directory may be one that somebody else can write.
void set_mode(const DirFd& dir, const std::string& name, mode_t mode) {
  const UniqueFd file(::openat(dir.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat st{};
  if (!file || ::fstat(file.get(), &st) < 0) throw failed(name);
  if (S_ISLNK(st.st_mode)) throw Error::from_errno(cat("copy ", quoted(name)), ELOOP);
  if (::chmod(cat("/proc/self/fd/", file.get()).c_str(), mode & 07777) < 0) throw failed(name);
}

// Owner before mode and attributes: changing it clears set-user-ID bits and capabilities. Times last.
void copy_attributes(const DirFd& from, const DirFd& to, const std::string& name, const struct stat& st) {
  const timespec times[2] = {st.st_atim, st.st_mtim};
  if (::fchownat(to.get(), name.c_str(), st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0) throw failed(name);
  if (!S_ISLNK(st.st_mode)) set_mode(to, name, st.st_mode);
  copy_xattrs(from, to, name);
  if (::utimensat(to.get(), name.c_str(), times, AT_SYMLINK_NOFOLLOW) < 0) throw failed(name);
}

void copy_link(const DirFd& from, const DirFd& to, const std::string& name) {
  char target[PATH_MAX];
  const ssize_t n = ::readlinkat(from.get(), name.c_str(), target, sizeof target);
  if (n < 0) throw failed(name);
  if (::symlinkat(std::string(target, static_cast<std::size_t>(n)).c_str(), to.get(), name.c_str()) < 0)
    throw failed(name);
}

struct stat status_of(const DirFd& dir, const std::string& name) {
  struct stat st{};
  if (::fstatat(dir.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) throw failed(name);
  return st;
}

class Copy {
 public:
  Copy(const DirFd& from, const DirFd& to, const std::function<void()>& go_on)
      : top_(to.clone()), from_(from.clone()), to_(to.clone()), go_on_(go_on) {
    struct stat st{};
    if (::fstat(from.get(), &st) < 0) throw Error::from_errno("look at a directory to copy");
    device_ = st.st_dev;
  }

  void run() {
    for (;;) {
      if (auto name = from_.next()) {
        if (go_on_) go_on_();
        copy_entry(*name);
        continue;
      }
      if (from_.at_top()) break;
      const std::string name = from_.up();
      to_.up();
      path_.resize(path_.rfind('/'));
      copy_attributes(from_.at(), to_.at(), name, status_of(from_.at(), name));
    }
    copy_attributes(from_.at(), top_, ".", status_of(from_.at(), "."));
  }

 private:
  void copy_entry(const std::string& name) {
    const struct stat st = status_of(from_.at(), name);
    if (S_ISSOCK(st.st_mode)) return;
    if (S_ISDIR(st.st_mode)) {
      if (st.st_dev != device_) return;
      DirFd source = from_.at().sub(name), target = to_.at().make_sub(name, 0700);
      from_.down(name, std::move(source));
      to_.down(name, std::move(target));
      path_ += cat("/", name);
      return;
    }
    if (linked(st, name)) return;
    make(name, st);
    copy_attributes(from_.at(), to_.at(), name, st);
  }

  void make(const std::string& name, const struct stat& st) {
    if (S_ISREG(st.st_mode)) {
      const UniqueFd source = from_.at().open_file(name, O_RDONLY);
      const UniqueFd target = to_.at().open_file(name, O_WRONLY | O_CREAT | O_EXCL, 0600);
      copy_bytes(source.get(), target.get(), st.st_size, name);
    } else if (S_ISLNK(st.st_mode)) {
      copy_link(from_.at(), to_.at(), name);
    } else if (::mknodat(to_.at().get(), name.c_str(), st.st_mode, st.st_rdev) < 0) {
      throw failed(name);
    }
  }

  // Another name of a file that has been copied. What lies too deep is copied once more.
  bool linked(const struct stat& st, const std::string& name) {
    if (st.st_nlink < 2 || path_.size() > kLongestPath) return false;
    const auto [it, first] = copied_.emplace(std::pair(st.st_dev, st.st_ino), cat(path_, "/", name));
    if (first) return false;
    const UniqueFd there = top_.open_in_root(it->second, O_PATH | O_NOFOLLOW);
    if (::linkat(there.get(), "", to_.at().get(), name.c_str(), AT_EMPTY_PATH) < 0) throw failed(name);
    return true;
  }

  DirFd top_;
  Descent from_, to_;
  const std::function<void()>& go_on_;
  dev_t device_ = 0;
  std::string path_;  // of where it stands, below the top
  std::map<std::pair<dev_t, ino_t>, std::string> copied_;
};

}  // namespace

void copy_tree(const DirFd& from, const DirFd& to, const std::function<void()>& go_on) { Copy(from, to, go_on).run(); }

}  // namespace rkt::stage1
