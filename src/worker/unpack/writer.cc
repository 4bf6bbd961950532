// SPDX-License-Identifier: Apache-2.0
#include "worker/unpack/writer.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "worker/unpack/names.h"

namespace rkt::unpack {
namespace {

void copy_content(int from, NewFile& to, std::uint64_t size) {
  std::vector<std::uint8_t> buffer(std::size_t{256} << 10);
  off_t at = 0;
  while ((at = ::lseek(from, at, SEEK_DATA)) >= 0) {
    const off_t end = ::lseek(from, at, SEEK_HOLE);
    if (end < 0) throw Error::from_errno("look for holes in a lower file");
    while (at < end) {
      const auto want = std::min<std::size_t>(buffer.size(), static_cast<std::size_t>(end - at));
      const ssize_t n = ::pread(from, buffer.data(), want, at);
      if (n <= 0) throw Error::from_errno("read a lower file", n == 0 ? EIO : errno);
      to.write(std::span(buffer).first(static_cast<std::size_t>(n)), static_cast<std::uint64_t>(at));
      at += n;
    }
  }
  if (errno != ENXIO) throw Error::from_errno("look for data in a lower file");  // ENXIO: only a hole follows
  to.finish(size);
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
void Writer::make(const Place& at, Make&& make_it) {
  if (make_it()) return;
  staging_.clear(at);
  if (!make_it()) throw Error(Errc::system, cat("something else is writing to ", quoted(at.path)));
}

std::unique_ptr<NewFile> Writer::create(const Place& at, const Attributes& attributes) {
  std::unique_ptr<NewFile> file;
  make(at, [&] {
    file = at.dir->create(at.name, attributes);
    return file != nullptr;
  });
  return file;
}

void Writer::regular(const Place& at, const Entry& entry, TarReader& tar) {
  meter_.bytes(entry.size);
  const auto file = create(at, entry.attributes);
  tar.data([&](std::span<const std::uint8_t> bytes, std::uint64_t offset) {
    if (offset > entry.size || bytes.size() > entry.size - offset)
      throw Error(Errc::invalid, "archive entry has more content than it says");
    file->write(bytes, offset);
  });
  file->finish(entry.size);
}

void Writer::special(const Place& at, const Entry& entry) {
  make(at, [&] { return at.dir->special(at.name, entry); });
}

void Writer::link(const std::string& path, const std::string& target) {
  in_context([&] { return cat("unpack ", quoted(path)); },
             [&] {
               Place from = staging_.place(target);
               const auto here = from.dir->find(from.name);
               if (!here) {
                 const auto lower = staging_.find_below(from.path);
                 if (!lower) throw Error(Errc::invalid, cat("hard link to ", quoted(target), ", which does not exist"));
                 from = staging_.place(target);
                 copy_up(from, *lower);
               } else if (S_ISDIR(here->type)) {
                 throw Error(Errc::invalid, cat("hard link to ", quoted(target), ", which is a directory"));
               }
               const Place at = staging_.place(path);
               if (at.path == from.path) throw Error(Errc::invalid, "hard link to itself");
               if (is_within(from.path, at.path)) throw Error(Errc::invalid, "hard link in place of its own target");
               make(at, [&] { return at.dir->link(at.name, *from.dir, from.name); });
             });
}

void Writer::copy_up(const Place& at, const struct stat& st) {
  const Below& below = staging_.below();
  Entry entry{
      .type = Entry::Type::fifo, .name = at.path, .device = st.st_rdev, .attributes = below.attributes(at.path, st)};
  if (S_ISREG(st.st_mode)) {
    meter_.bytes(static_cast<std::uint64_t>(st.st_size));
    const UniqueFd from = below.open(at.path, O_RDONLY);
    const auto to = create(at, entry.attributes);
    return copy_content(from.get(), *to, static_cast<std::uint64_t>(st.st_size));
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

}  // namespace rkt::unpack
