// SPDX-License-Identifier: Apache-2.0
// A faithful copy of a tree. Names are only ever used relative to an open directory and never followed, so links in the
// tree lead nowhere. Attributes are set from the inside out: a directory's times survive what is written into it.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <map>

#include "base/error.h"
#include "base/strings.h"
#include "sys/descent.h"
#include "sys/file.h"
#include "sys/mount.h"
#include "tree/tree.h"

namespace rkt::tree {
namespace {

std::string by_number(int fd) { return cat("/proc/self/fd/", fd); }

class Copier {
 public:
  Copier(const DirFd& from, const DirFd& to) : top_(to), from_(from.clone()), to_(to.clone()) {}

  void all() {
    for (;;) {
      if (const auto name = from_.next()) {
        in_context([&] { return cat("copy ", quoted(path_of(*name))); }, [&] { entry(*name); });
        continue;
      }
      in_context([&] { return cat("copy ", quoted(path_)); }, [&] { directory_attributes(from_.at(), to_.at()); });
      if (from_.at_top()) return;
      const std::string done = from_.up();
      to_.up();
      path_.resize(path_.size() - std::min(path_.size(), done.size() + 1));
    }
  }

 private:
  std::string path_of(const std::string& name) const { return path_.empty() ? name : cat(path_, "/", name); }

  void entry(const std::string& name) {
    const DirFd &from = from_.at(), &to = to_.at();
    const auto found = from.find_file(name, O_PATH);
    if (!found) return;  // a device 0:0 of an ACI: overlayfs lists it, and finds nothing
    const UniqueFd& source = *found;
    struct stat st{};
    if (::fstat(source.get(), &st) < 0) throw Error::from_errno("stat");
    if (S_ISDIR(st.st_mode)) return descend(name);
    if (st.st_nlink > 1) {
      const auto [it, first] = links_.try_emplace({st.st_dev, st.st_ino}, path_of(name));
      if (!first) {
        if (::linkat(top_.get(), it->second.c_str(), to.get(), name.c_str(), 0) == 0) return;
        if (errno != EMLINK) throw Error::from_errno("link");
        it->second = path_of(name);  // the place takes no more of them: the next ones are links to another copy
      }
    }
    if (S_ISREG(st.st_mode))
      contents(from, to, name, st);
    else
      special(source.get(), to, name, st);
    attributes(source.get(), to, name, st);
  }

  void descend(const std::string& name) {
    DirFd from = from_.at().sub(name), to = to_.at().make_sub(name, 0700);
    from_.down(name, std::move(from));
    to_.down(name, std::move(to));
    path_ = path_of(name);
  }

  static void directory_attributes(const DirFd& from, const DirFd& to) {
    struct stat st{};
    if (::fstat(from.get(), &st) < 0) throw Error::from_errno("stat a directory");
    if (::fchown(to.get(), st.st_uid, st.st_gid) < 0) throw Error::from_errno("set the owner of a directory");
    if (::fchmod(to.get(), st.st_mode & 07777) < 0) throw Error::from_errno("set the mode of a directory");
    xattrs(by_number(from.get()), by_number(to.get()));
    const timespec times[2] = {st.st_atim, st.st_mtim};
    if (::futimens(to.get(), times) < 0) throw Error::from_errno("set the times of a directory");
  }

  static void special(int source, const DirFd& to, const std::string& name, const struct stat& st) {
    if (S_ISLNK(st.st_mode)) {
      char target[PATH_MAX + 1];
      const ssize_t n = ::readlinkat(source, "", target, sizeof target - 1);
      if (n < 0) throw Error::from_errno("read a link");
      target[n] = '\0';
      if (::symlinkat(target, to.get(), name.c_str()) < 0) throw Error::from_errno("make a link");
    } else if (::mknodat(to.get(), name.c_str(), (st.st_mode & S_IFMT) | 0600, st.st_rdev) < 0) {
      throw Error::from_errno("make a special file");
    }
  }

  static void contents(const DirFd& from, const DirFd& to, const std::string& name, const struct stat& st) {
    const UniqueFd in = from.open_file(name, O_RDONLY);
    const UniqueFd out = to.open_file(name, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (st.st_size == 0 || ::ioctl(out.get(), FICLONE, in.get()) == 0) return;
    if (::ftruncate(out.get(), st.st_size) < 0) throw Error::from_errno("set the size");
    // Data by data, so that holes stay holes.
    for (off_t at = 0; at < st.st_size;) {
      const off_t data = ::lseek(in.get(), at, SEEK_DATA);
      if (data < 0 && errno == ENXIO) return;
      const off_t start = data < 0 ? at : data;
      const off_t hole = data < 0 ? st.st_size : ::lseek(in.get(), data, SEEK_HOLE);
      range(in.get(), out.get(), start, hole < 0 ? st.st_size : hole);
      at = hole < 0 ? st.st_size : hole;
    }
  }

  static void range(int in, int out, off_t from, off_t to) {
    loff_t source = from, target = from;
    while (source < to) {
      const ssize_t n = ::copy_file_range(in, &source, out, &target, static_cast<std::size_t>(to - source), 0);
      if (n == 0) return;  // it became shorter
      if (n > 0 || errno == EINTR) continue;
      if (errno != EXDEV && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP) throw Error::from_errno("copy");
      return through_memory(in, out, source, to);
    }
  }

  static void through_memory(int in, int out, off_t at, off_t to) {
    std::string buf(std::size_t{1} << 17, '\0');
    if (::lseek(out, at, SEEK_SET) < 0) throw Error::from_errno("seek");
    while (at < to) {
      const auto want = std::min(buf.size(), static_cast<std::size_t>(to - at));
      const ssize_t n = ::pread(in, buf.data(), want, at);
      if (n == 0) return;
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) throw Error::from_errno("read");
      write_all(out, std::string_view(buf.data(), static_cast<std::size_t>(n)), "a copy");
      at += n;
    }
  }

  static void attributes(int source, const DirFd& to, const std::string& name, const struct stat& st) {
    const UniqueFd made = to.open_file(name, O_PATH);
    if (::fchownat(made.get(), "", st.st_uid, st.st_gid, AT_EMPTY_PATH) < 0) throw Error::from_errno("set the owner");
    const bool link = S_ISLNK(st.st_mode);
    // chown clears set-user-ID bits and file capabilities: mode and xattrs come after it.
    if (!link && ::chmod(by_number(made.get()).c_str(), st.st_mode & 07777) < 0)
      throw Error::from_errno("set the mode");
    if (!link) xattrs(by_number(source), by_number(made.get()));
    const timespec times[2] = {st.st_atim, st.st_mtim};
    if (::utimensat(to.get(), name.c_str(), times, AT_SYMLINK_NOFOLLOW) < 0) throw Error::from_errno("set the times");
  }

  static void xattrs(const std::string& from, const std::string& to) {
    const ssize_t size = ::listxattr(from.c_str(), nullptr, 0);
    if (size < 0 && errno == EOPNOTSUPP) return;
    if (size < 0) throw Error::from_errno("list extended attributes");
    std::string names(static_cast<std::size_t>(size), '\0');
    const ssize_t got = ::listxattr(from.c_str(), names.data(), names.size());
    if (got < 0) throw Error::from_errno("list extended attributes");
    names.resize(static_cast<std::size_t>(got));
    for (const auto piece : split(names, '\0')) {
      if (piece.empty() || piece.starts_with("trusted.overlay.") || piece.starts_with("user.overlay.")) continue;
      if (piece == "security.selinux") continue;  // the place's business, not the tree's
      const std::string name(piece);
      std::string value(XATTR_SIZE_MAX, '\0');
      const ssize_t n = ::getxattr(from.c_str(), name.c_str(), value.data(), value.size());
      if (n < 0) throw Error::from_errno(cat("read extended attribute ", name));
      if (::setxattr(to.c_str(), name.c_str(), value.data(), static_cast<std::size_t>(n), 0) < 0)
        throw Error::from_errno(cat("set extended attribute ", name));
    }
  }

  const DirFd& top_;
  Descent from_, to_;
  std::string path_;                                      // of where they stand, below the top
  std::map<std::pair<dev_t, ino_t>, std::string> links_;  // what the next name of a file is linked to
};

}  // namespace

void copy_directory(const DirFd& from, const DirFd& into) { Copier(from, into).all(); }

void copy(const Tree& tree, const DirFd& into) {
  std::optional<PrivateMounts> mounts;
  if (tree.has_files()) mounts.emplace();
  mount_files(tree);
  if (tree.lowers.size() == 1 && tree.id.starts_with("deps-")) return copy_directory(open_lower(tree, 0), into);
  const DirFd merged(mount_read_only(tree));
  copy_directory(DirFd(merged.open_file(".", O_RDONLY | O_DIRECTORY)), into);
}

}  // namespace rkt::tree
