// SPDX-License-Identifier: Apache-2.0
#include "worker/unpack/pack.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <map>

#include "base/error.h"
#include "base/strings.h"
#include "sys/descent.h"
#include "sys/mount_place.h"
#include "worker/unpack/gzip_writer.h"
#include "worker/unpack/tar_writer.h"

namespace rkt::unpack {
namespace {

constexpr std::size_t kMostNotes = 10;
constexpr std::size_t kShownPath = 64;

class Packer {
 public:
  Packer(const DirFd& tree, Shift shift, TarWriter& tar, const OnNote& note)
      : at_(tree.clone()), shift_(shift), tar_(tar), note_(note), buffer_(std::size_t{256} << 10) {}

  Reply all() {
    directory(at_.at());
    for (;;) {
      if (const auto name = at_.next()) {
        in_context([&] { return cat("pack ", quoted(path_of(*name))); }, [&] { entry(*name); });
        continue;
      }
      if (at_.at_top()) break;
      path_.resize(path_.size() - at_.up().size() - 1);
    }
    if (sockets_ > kMostNotes) note_(cat(sockets_ - kMostNotes, " more sockets skipped"));
    if (too_long_ > kMostNotes) note_(cat(too_long_ - kMostNotes, " more names skipped whose paths are too long"));
    return {.digest = {}, .compression = "gzip", .bytes = bytes_, .entries = entries_};
  }

 private:
  std::string path_of(const std::string& name) const { return cat(path_, "/", name); }

  std::uint32_t unshifted(std::uint32_t id) const {
    return id >= shift_.first && id - shift_.first < shift_.count ? id - shift_.first : id;
  }

  Entry describe(const std::string& path, const struct stat& st) const {
    Entry e{.name = path, .target = {}, .attributes = {.xattrs = {}}};
    e.attributes.mode = st.st_mode & 07777;
    e.attributes.uid = unshifted(st.st_uid);
    e.attributes.gid = unshifted(st.st_gid);
    e.attributes.mtime = st.st_mtim;
    return e;
  }

  void put(const Entry& e, const std::vector<Extent>& extents = {}) {
    ++entries_;
    tar_.entry(e, extents);
  }

  void directory(const DirFd& dir) {
    struct stat st{};
    if (::fstat(dir.get(), &st) < 0) throw Error::from_errno("stat a directory");
    Entry e = describe(path_, st);
    e.type = Entry::Type::directory;
    e.attributes.xattrs = xattrs(dir.get());
    put(e);
  }

  void entry(const std::string& name) {
    struct stat st{};
    if (::fstatat(at_.at().get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) {
      if (errno == ENOENT) return;  // a device 0:0 of an image: overlayfs lists it, and finds nothing
      throw Error::from_errno("stat");
    }
    const std::string path = path_of(name);
    if (path.size() >= PATH_MAX) return skip_too_long(path);  // no archive with it is taken as an image
    if (S_ISDIR(st.st_mode)) {
      DirFd dir(at_.at().open_file(name, O_RDONLY | O_DIRECTORY));
      if (is_place(dir.get()) && dir.names().empty()) return;
      path_ = path;
      directory(dir);
      return at_.down(name, std::move(dir));
    }
    if (S_ISSOCK(st.st_mode)) return skip_socket(path);
    if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0)) return;  // says that a name was removed
    if (S_ISREG(st.st_mode) && st.st_size == 0 && is_place(at_.at().open_file(name, O_RDONLY | O_NONBLOCK).get()))
      return;
    if (st.st_nlink > 1) {
      const auto [it, first] = links_.try_emplace({st.st_dev, st.st_ino}, path);
      if (!first) {
        Entry e = describe(path, st);
        e.type = Entry::Type::hard_link;
        e.target = it->second;
        return put(e);
      }
    }
    if (S_ISREG(st.st_mode)) return file(name, path);
    special(name, describe(path, st), st);
  }

  void skip_socket(const std::string& path) {
    if (++sockets_ <= kMostNotes) note_(cat("skipping socket ", quoted(path)));
  }

  void skip_too_long(const std::string& path) {
    if (++too_long_ <= kMostNotes)
      note_(cat("skipping ", quoted(cat(path.substr(0, kShownPath), "...")), ": its path has ", path.size(),
                " bytes, more than the ", PATH_MAX - 1, " of an image"));
  }

  void special(const std::string& name, Entry e, const struct stat& st) {
    if (S_ISLNK(st.st_mode)) {
      std::string target(PATH_MAX + 1, '\0');
      const ssize_t n = ::readlinkat(at_.at().get(), name.c_str(), target.data(), target.size());
      if (n < 0) throw Error::from_errno("read a link");
      target.resize(static_cast<std::size_t>(n));
      e.type = Entry::Type::symlink;
      e.target = std::move(target);
    } else {
      e.type = S_ISFIFO(st.st_mode)  ? Entry::Type::fifo
               : S_ISCHR(st.st_mode) ? Entry::Type::char_device
                                     : Entry::Type::block_device;
      e.device = st.st_rdev;
    }
    put(e);
  }

  void file(const std::string& name, const std::string& path) {
    const UniqueFd fd = at_.at().open_file(name, O_RDONLY | O_NONBLOCK);
    struct stat st{};
    if (::fstat(fd.get(), &st) < 0) throw Error::from_errno("stat");
    if (!S_ISREG(st.st_mode)) throw Error(Errc::busy, "it changes while it is read");
    Entry e = describe(path, st);
    e.size = static_cast<std::uint64_t>(st.st_size);
    e.attributes.xattrs = xattrs(fd.get());
    const auto parts = extents(fd.get(), st);
    put(e, parts);
    for (const auto& part : parts) range(fd.get(), part);
  }

  // Where the data is. A file in too many parts is written as one.
  static std::vector<Extent> extents(int fd, const struct stat& st) {
    const auto size = static_cast<std::uint64_t>(st.st_size);
    if (size == 0) return {};
    if (static_cast<std::uint64_t>(st.st_blocks) * 512 >= size) return {{0, size}};
    std::vector<Extent> out;
    for (off_t at = 0; at < st.st_size;) {
      const off_t data = ::lseek(fd, at, SEEK_DATA);
      if (data < 0 && errno == ENXIO) return out;
      const off_t hole = data < 0 ? -1 : ::lseek(fd, data, SEEK_HOLE);
      if (hole <= data || out.size() >= kMaxExtents - 1) return {{0, size}};  // a file system that knows of no holes
      const off_t end = std::min(hole, st.st_size);
      if (data < end) out.push_back({static_cast<std::uint64_t>(data), static_cast<std::uint64_t>(end - data)});
      at = hole;
    }
    return out;
  }

  void range(int fd, Extent part) {
    while (part.size > 0) {
      const auto want = std::min<std::uint64_t>(buffer_.size(), part.size);
      const ssize_t n = ::pread(fd, buffer_.data(), want, static_cast<off_t>(part.offset));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) throw Error::from_errno("read");
      if (n == 0) throw Error(Errc::busy, "it becomes shorter while it is read");
      tar_.data(std::span(buffer_).first(static_cast<std::size_t>(n)));
      part.offset += static_cast<std::uint64_t>(n);
      part.size -= static_cast<std::uint64_t>(n);
      bytes_ += static_cast<std::uint64_t>(n);
    }
  }

  std::vector<std::pair<std::string, std::string>> xattrs(int fd) const {
    std::vector<std::pair<std::string, std::string>> out;
    const ssize_t size = ::flistxattr(fd, nullptr, 0);
    if (size < 0 && errno != EOPNOTSUPP) throw Error::from_errno("list extended attributes");
    if (size <= 0) return out;
    std::string names(static_cast<std::size_t>(size), '\0');
    const ssize_t got = ::flistxattr(fd, names.data(), names.size());
    if (got < 0) throw Error::from_errno("list extended attributes");
    names.resize(static_cast<std::size_t>(got));
    for (const auto name : split(names, '\0')) {
      if (name.empty() || !keep_xattr(name)) continue;
      std::string value(std::size_t{64} << 10, '\0');
      const ssize_t n = ::fgetxattr(fd, std::string(name).c_str(), value.data(), value.size());
      if (n < 0) throw Error::from_errno(cat("read extended attribute ", name));
      value.resize(static_cast<std::size_t>(n));
      out.emplace_back(name, name == "security.capability" ? unshifted_capabilities(std::move(value)) : value);
    }
    return out;
  }

  // File capabilities that were set inside a user namespace (version 3) name its root on the host; inside that is plain
  // version 2.
  std::string unshifted_capabilities(std::string value) const {
    constexpr std::size_t kVersion2 = 20, kVersion3 = 24;
    if (value.size() != kVersion3 || value[3] != 3) return value;
    std::uint32_t root = 0;
    std::memcpy(&root, value.data() + kVersion2, sizeof root);  // little-endian, as every host of ours
    if (shift_.count == 0 || root != shift_.first) return value;
    value.resize(kVersion2);
    value[3] = 2;
    return value;
  }

  Descent at_;
  Shift shift_;
  TarWriter& tar_;
  const OnNote& note_;
  std::string path_ = "rootfs";
  std::map<std::pair<dev_t, ino_t>, std::string> links_;  // first path of a file with several names
  std::vector<std::uint8_t> buffer_;
  std::uint64_t bytes_ = 0, entries_ = 0;
  std::size_t sockets_ = 0, too_long_ = 0;
};

}  // namespace

Reply pack_aci(const DirFd& tree, std::string_view manifest, Shift shift, int out, const OnNote& note) {
  GzipWriter gzip(out);
  TarWriter tar([&](std::span<const std::uint8_t> bytes) { gzip.write(bytes); });
  Entry head{.name = "manifest", .target = {}, .size = manifest.size(), .attributes = {.mode = 0644, .xattrs = {}}};
  tar.entry(head, {{0, manifest.size()}});
  tar.data({reinterpret_cast<const std::uint8_t*>(manifest.data()), manifest.size()});
  const Reply reply = Packer(tree, shift, tar, note).all();
  tar.finish();
  gzip.finish();
  return reply;
}

}  // namespace rkt::unpack
