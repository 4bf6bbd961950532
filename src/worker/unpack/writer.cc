// SPDX-License-Identifier: Apache-2.0
#include "worker/unpack/writer.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"

namespace rkt::unpack {
namespace {

void pwrite_full(int fd, std::span<const std::uint8_t> bytes, std::uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw Error::from_errno("write");
    bytes = bytes.subspan(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
}

mode_t node_type(Entry::Type type) {
  if (type == Entry::Type::char_device) return S_IFCHR;
  return type == Entry::Type::block_device ? S_IFBLK : S_IFIFO;
}

}  // namespace

void Meter::entry() {
  if (++entries_ > limits_.entries)
    throw Error(Errc::invalid, cat("archive has more than ", limits_.entries, " entries"));
}

void Meter::bytes(std::uint64_t n) {
  if (n > limits_.bytes - bytes_) throw Error(Errc::invalid, cat("archive holds more than ", limits_.bytes, " bytes"));
  bytes_ += n;
}

void Writer::write(const std::string& path, const Entry& entry, TarReader& tar) {
  in_context([&] { return cat("unpack ", quoted(entry.name)); },
             [&] {
               if (entry.type == Entry::Type::directory) return staging_.directory(path, entry.attributes);
               const Place at = staging_.place(path);
               if (entry.type == Entry::Type::regular) return regular(at, entry, tar);
               special(at, entry);
             });
}

template <class Make>
void Writer::make(const Place& at, std::string_view doing, Make&& syscall) {
  if (syscall() == 0) return;
  if (errno == EEXIST) {
    staging_.clear(at);
    if (syscall() == 0) return;
  }
  throw Error::from_errno(cat(doing, " ", quoted(at.path)));
}

UniqueFd Writer::create(const Place& at, mode_t mode) {
  UniqueFd fd;
  make(at, "create", [&] {
    fd.reset(::openat(at.dir->get(), at.name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
    return fd ? 0 : -1;
  });
  return fd;
}

void Writer::finish_file(int fd, const Place& at, const Attributes& a) {
  // A new file has its permission bits and, being root's, its owner already; each needless call would cost a journal
  // entry.
  const bool plain = a.uid == 0 && a.gid == 0 && !at.set_gid && (a.mode & ~mode_t{0777}) == 0 && a.xattrs.empty();
  if (!plain || !staging_.keep_owner()) apply_attributes(fd, a, staging_.keep_owner());
  const timespec times[2] = {a.atime, a.mtime};
  if (::futimens(fd, times) < 0) throw Error::from_errno("set the times");
}

void Writer::regular(const Place& at, const Entry& entry, TarReader& tar) {
  meter_.bytes(entry.size);
  const UniqueFd fd = create(at, entry.attributes.mode & 0777);
  std::uint64_t end = 0;
  tar.data([&](std::span<const std::uint8_t> bytes, std::uint64_t offset) {
    if (offset > entry.size || bytes.size() > entry.size - offset)
      throw Error(Errc::invalid, "archive entry has more content than it says");
    pwrite_full(fd.get(), bytes, offset);
    end = std::max(end, offset + bytes.size());
  });
  if (end < entry.size && ::ftruncate(fd.get(), static_cast<off_t>(entry.size)) < 0)
    throw Error::from_errno("set the size");
  finish_file(fd.get(), at, entry.attributes);
}

void Writer::regular(const std::string& path, const Attributes& attributes, std::string_view bytes) {
  meter_.bytes(bytes.size());
  const Place at = staging_.place(path);
  const UniqueFd fd = create(at, attributes.mode & 0777);
  pwrite_full(fd.get(), {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, 0);
  finish_file(fd.get(), at, attributes);
}

// Symbolic links, devices and fifos: made and described by name, which is safe since nobody else writes to this tree.
void Writer::special(const Place& at, const Entry& entry) {
  const Attributes& a = entry.attributes;
  const char* name = at.name.c_str();
  const int dir = at.dir->get();
  if (entry.type == Entry::Type::symlink)
    make(at, "make the link", [&] { return ::symlinkat(entry.target.c_str(), dir, name); });
  else
    make(at, "make the device", [&] { return ::mknodat(dir, name, node_type(entry.type) | 0600, entry.device); });
  if (staging_.keep_owner() && ::fchownat(dir, name, a.uid, a.gid, AT_SYMLINK_NOFOLLOW) < 0)
    throw Error::from_errno("set the owner");
  if (entry.type != Entry::Type::symlink && ::fchmodat(dir, name, a.mode, 0) < 0)
    throw Error::from_errno("set the mode");
  const timespec times[2] = {a.atime, a.mtime};
  if (::utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) < 0) throw Error::from_errno("set the times");
}

void Writer::link(const std::string& path, const std::string& target) {
  in_context([&] { return cat("unpack ", quoted(path)); },
             [&] {
               const Place from = staging_.place(target);
               struct stat st{};
               const bool here = ::fstatat(from.dir->get(), from.name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0;
               if (!here) {
                 const auto lower = staging_.find_below(from.path);
                 if (!lower) throw Error(Errc::invalid, cat("hard link to ", quoted(target), ", which does not exist"));
                 copy_up(from, *lower);
               } else if (is_whiteout(st)) {
                 throw Error(Errc::invalid, cat("hard link to ", quoted(target), ", which the layer removes"));
               }
               const Place at = staging_.place(path);
               if (at.path == from.path) throw Error(Errc::invalid, "hard link to itself");
               make(at, "make the hard link",
                    [&] { return ::linkat(from.dir->get(), from.name.c_str(), at.dir->get(), at.name.c_str(), 0); });
             });
}

void Writer::copy_up(const Place& at, const struct stat& st) {
  const Below& below = staging_.below();
  Entry entry{
      .type = Entry::Type::fifo, .name = at.path, .device = st.st_rdev, .attributes = below.attributes(at.path, st)};
  if (S_ISREG(st.st_mode)) {
    meter_.bytes(static_cast<std::uint64_t>(st.st_size));
    const UniqueFd from = below.open(at.path, O_RDONLY);
    const UniqueFd to = create(at, st.st_mode & 0777);
    copy_content(from.get(), to.get(), static_cast<std::uint64_t>(st.st_size));
    return finish_file(to.get(), at, entry.attributes);
  }
  if (S_ISLNK(st.st_mode)) {
    entry.type = Entry::Type::symlink;
    entry.target = below.read_link(at.path);
  } else if (S_ISCHR(st.st_mode)) {
    entry.type = Entry::Type::char_device;
  } else if (S_ISBLK(st.st_mode)) {
    entry.type = Entry::Type::block_device;
  } else if (!S_ISFIFO(st.st_mode)) {
    throw Error(Errc::invalid, cat("hard link to ", quoted(at.path), ", which is a directory or a socket"));
  }
  special(at, entry);
}

void Writer::copy_content(int from, int to, std::uint64_t size) {
  std::vector<std::uint8_t> buffer(std::size_t{256} << 10);
  off_t at = 0;
  while ((at = ::lseek(from, at, SEEK_DATA)) >= 0) {
    const off_t end = ::lseek(from, at, SEEK_HOLE);
    if (end < 0) throw Error::from_errno("look for holes in a lower file");
    while (at < end) {
      const auto want = std::min<std::size_t>(buffer.size(), static_cast<std::size_t>(end - at));
      const ssize_t n = ::pread(from, buffer.data(), want, at);
      if (n <= 0) throw Error::from_errno("read a lower file", n == 0 ? EIO : errno);
      pwrite_full(to, std::span(buffer).first(static_cast<std::size_t>(n)), static_cast<std::uint64_t>(at));
      at += n;
    }
  }
  if (errno != ENXIO) throw Error::from_errno("look for data in a lower file");  // ENXIO: only a hole follows
  if (::ftruncate(to, static_cast<off_t>(size)) < 0) throw Error::from_errno("set the size");
}

}  // namespace rkt::unpack
