// SPDX-License-Identifier: Apache-2.0
#include "worker/unpack/directory_tree.h"

#include <linux/limits.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "sys/rootless.h"
#include "sys/write_at.h"
#include "worker/unpack/below.h"
#include "worker/unpack/names.h"

namespace rkt::unpack {
namespace {

mode_t node_type(Entry::Type type) {
  if (type == Entry::Type::char_device) return S_IFCHR;
  return type == Entry::Type::block_device ? S_IFBLK : S_IFIFO;
}

// True: made. False: the name is taken.
bool made(int result, std::string_view doing, const std::string& path) {
  if (result >= 0) return true;
  if (errno == EEXIST) return false;
  throw Error::from_errno(cat(doing, " ", quoted(path)));
}

// Owner, extended attributes and mode of an open file or directory, in the order that keeps set-id bits and
// capabilities.
void apply_attributes(int fd, const Attributes& a, bool keep_owner) {
  // chown drops set-id bits and capabilities, so it comes first.
  if (keep_owner && ::fchown(fd, a.uid, a.gid) < 0) throw Error::from_errno("set the owner");
  if (::fchmod(fd, a.mode) < 0) throw Error::from_errno("set the mode");
  for (const auto& [name, value] : a.xattrs) {
    if (!keep_owner && !name.starts_with("user.")) continue;
    if (::fsetxattr(fd, name.c_str(), value.data(), value.size(), 0) == 0) continue;
    const int err = errno;
    struct statvfs fs{};
    // The same word for a full disk and for more than a file may have, as ext4's block for them.
    if (err == ENOSPC && ::fstatvfs(fd, &fs) == 0 && fs.f_bavail > 0)
      throw Error(Errc::unsupported, cat("the file system of the data directory has no room for ", value.size(),
                                         " bytes of the extended attribute ", quoted(name)));
    throw Error::from_errno(cat("set the extended attribute ", quoted(name)), err);
  }
}

// A directory that was implied got those of the layer below; its own entry replaces them.
void drop_xattrs(int fd) {
  for (const auto& name : xattr_names(fd))
    if (keep_xattr(name) && ::fremovexattr(fd, name.c_str()) < 0)
      throw Error::from_errno(cat("remove the extended attribute ", quoted(name)));
}

}  // namespace

class DirectoryTree::File final : public NewFile {
 public:
  File(UniqueFd fd, Attributes attributes, bool in_set_gid, bool keep_owner)
      : fd_(std::move(fd)), attributes_(std::move(attributes)), in_set_gid_(in_set_gid), keep_owner_(keep_owner) {}

  void write(std::span<const std::uint8_t> bytes, std::uint64_t offset) override {
    write_at(fd_.get(), bytes, offset, "write");
    end_ = offset + bytes.size();
  }

  void finish(std::uint64_t size) override {
    if (end_ < size && ::ftruncate(fd_.get(), static_cast<off_t>(size)) < 0) throw Error::from_errno("set the size");
    // A new file has its permission bits and, being root's, its owner already; each needless call would cost a journal
    // entry.
    const Attributes& a = attributes_;
    const bool plain = a.uid == 0 && a.gid == 0 && !in_set_gid_ && (a.mode & ~mode_t{0777}) == 0 && a.xattrs.empty();
    if (!plain || !keep_owner_) apply_attributes(fd_.get(), a, keep_owner_);
    const timespec times[2] = {a.atime, a.mtime};
    if (::futimens(fd_.get(), times) < 0) throw Error::from_errno("set the times");
  }

 private:
  UniqueFd fd_;
  Attributes attributes_;
  bool in_set_gid_, keep_owner_;
  std::uint64_t end_ = 0;
};

class DirectoryTree::Directory final : public NewDirectory {
 public:
  Directory(DirectoryTree& tree, DirFd dir, std::string path)
      : tree_(tree), dir_(std::move(dir)), path_(std::move(path)) {
    struct stat st{};
    if (::fstat(dir_.get(), &st) < 0) throw Error::from_errno(cat("look at ", quoted(path_)));
    set_gid_ = (st.st_mode & S_ISGID) != 0;
  }

  std::optional<Found> find(const std::string& name) const override {
    struct stat st{};
    if (::fstatat(dir_.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0) return Found{.type = st.st_mode & S_IFMT};
    if (errno == ENOENT) return std::nullopt;
    throw Error::from_errno(cat("look up ", quoted(name)));
  }

  std::string read_link(const std::string& name) const override {
    std::string out(PATH_MAX, '\0');
    const ssize_t n = ::readlinkat(dir_.get(), name.c_str(), out.data(), out.size());
    if (n < 0) throw Error::from_errno(cat("read the link ", quoted(name)));
    out.resize(static_cast<std::size_t>(n));
    return out;
  }

  std::shared_ptr<NewDirectory> open(const std::string& name) override {
    return std::make_shared<Directory>(tree_, dir_.sub(name), below(name));
  }

  std::shared_ptr<NewDirectory> make(const std::string& name, const Attributes& attributes) override {
    if (::mkdirat(dir_.get(), name.c_str(), 0700) < 0)
      throw Error::from_errno(cat("make directory ", quoted(below(name))));
    auto made = std::make_shared<Directory>(tree_, dir_.sub(name), below(name));
    made->settle(attributes);
    return made;
  }

  void replace_attributes(const Attributes& attributes) override {
    drop_xattrs(dir_.get());
    settle(attributes);
  }

  std::unique_ptr<NewFile> create(const std::string& name, const Attributes& a) override {
    constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    UniqueFd fd(::openat(dir_.get(), name.c_str(), kFlags, a.mode & 0777));
    if (!made(fd.get(), "create", below(name))) return nullptr;
    return std::make_unique<File>(std::move(fd), a, set_gid_, tree_.keep_owner_);
  }

  // Made and described by name, which is safe since nobody else writes to this tree.
  bool special(const std::string& name, const Entry& entry) override {
    const Attributes& a = entry.attributes;
    const int dir = dir_.get();
    const bool is_link = entry.type == Entry::Type::symlink;
    // Root of the host alone makes device nodes, which no app could use anyway.
    const bool device = entry.type == Entry::Type::char_device || entry.type == Entry::Type::block_device;
    if (device && known_ids() != Ids::all) return true;
    const int result = is_link ? ::symlinkat(entry.target.c_str(), dir, name.c_str())
                               : ::mknodat(dir, name.c_str(), node_type(entry.type) | 0600, entry.device);
    if (!made(result, is_link ? "make the link" : "make the device", below(name))) return false;
    if (tree_.keep_owner_ && ::fchownat(dir, name.c_str(), a.uid, a.gid, AT_SYMLINK_NOFOLLOW) < 0)
      throw Error::from_errno("set the owner");
    if (!is_link && ::fchmodat(dir, name.c_str(), a.mode, 0) < 0) throw Error::from_errno("set the mode");
    const timespec times[2] = {a.atime, a.mtime};
    if (::utimensat(dir, name.c_str(), times, AT_SYMLINK_NOFOLLOW) < 0) throw Error::from_errno("set the times");
    return true;
  }

  bool whiteout(const std::string& name) override {
    return made(::mknodat(dir_.get(), name.c_str(), S_IFCHR, makedev(0, 0)), "make the whiteout of", below(name));
  }

  bool link(const std::string& name, const NewDirectory& from, const std::string& from_name) override {
    const auto& other = dynamic_cast<const Directory&>(from);
    const int result = ::linkat(other.dir_.get(), from_name.c_str(), dir_.get(), name.c_str(), 0);
    return made(result, "make the hard link", below(name));
  }

  void remove(const std::string& name) override {
    dir_.remove_tree(name);
    tree_.forget(below(name));
  }

 private:
  std::string below(const std::string& name) const { return path_.empty() ? name : cat(path_, "/", name); }

  void settle(const Attributes& attributes) {
    in_context([&] { return cat("set the attributes of directory ", quoted(path_)); },
               [&] { apply_attributes(dir_.get(), attributes, tree_.keep_owner_); });
    set_gid_ = (attributes.mode & S_ISGID) != 0;
    tree_.times_[path_] = {attributes.atime, attributes.mtime};
  }

  DirectoryTree& tree_;
  DirFd dir_;
  std::string path_;
  bool set_gid_ = false;  // it passes its group on
};

DirectoryTree::DirectoryTree(DirFd root, bool keep_owner) : root_(std::move(root)), keep_owner_(keep_owner) {}

std::shared_ptr<NewDirectory> DirectoryTree::root() { return std::make_shared<Directory>(*this, root_.clone(), ""); }

std::shared_ptr<NewDirectory> DirectoryTree::find_directory(const std::string& path) {
  UniqueFd fd = open_beneath(root_.get(), path, O_RDONLY | O_DIRECTORY);
  return fd ? std::make_shared<Directory>(*this, DirFd(std::move(fd)), path) : nullptr;
}

DirFd DirectoryTree::open_directory(const std::string& path) const {
  UniqueFd fd = open_beneath(root_.get(), path, O_RDONLY | O_DIRECTORY);
  if (!fd) throw Error::from_errno(cat("open directory ", quoted(path)));
  return DirFd(std::move(fd));
}

void DirectoryTree::forget(const std::string& path) {
  // Sorted: what begins with `path` is together, but "a.b" stands among what is below "a".
  for (auto it = times_.lower_bound(path); it != times_.end() && it->first.starts_with(path);)
    it = is_within(it->first, path) ? times_.erase(it) : std::next(it);
}

void DirectoryTree::finish() {
  for (const auto& [path, times] : times_) {
    const DirFd dir = open_directory(path);
    const timespec both[2] = {times.atime, times.mtime};
    if (::futimens(dir.get(), both) < 0) throw Error::from_errno(cat("set the times of directory ", quoted(path)));
  }
}

}  // namespace rkt::unpack
