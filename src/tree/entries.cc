// SPDX-License-Identifier: Apache-2.0
#include "tree/entries.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <string_view>
#include <type_traits>

#include "base/error.h"
#include "base/strings.h"
#include "sys/descent.h"
#include "sys/file.h"
#include "tree/note.h"

namespace rkt::tree {
namespace {

constexpr std::size_t kBlock = std::size_t{1} << 13;  // most records are smaller, and memory costs more than a call
constexpr std::string_view kEnd("\0", 1);             // of a directory

// The time of change would tell alone; the others cost nothing. No access time: that is what reading changes. No
// owners: they have other numbers in the user namespace of an ordinary user's pod.
struct Look {
  std::uint64_t inode, size, device;
  std::int64_t changed, modified;
  std::uint32_t changed_ns, modified_ns, mode, unused;
};
static_assert(std::has_unique_object_representations_v<Look> && sizeof(Look) == 56);

Look look_of(const struct stat& st) {
  Look out{.inode = st.st_ino,
           .size = static_cast<std::uint64_t>(st.st_size),
           .device = st.st_rdev,
           .changed = st.st_ctim.tv_sec,
           .modified = st.st_mtim.tv_sec,
           .changed_ns = static_cast<std::uint32_t>(st.st_ctim.tv_nsec),
           .modified_ns = static_cast<std::uint32_t>(st.st_mtim.tv_nsec),
           .mode = st.st_mode,
           .unused = 0};
  // Where the store is on an overlay, directories may have another number each time, and their sizes say nothing.
  if (S_ISDIR(st.st_mode)) out.inode = out.size = 0;
  return out;
}

// Calls `take` with the record, piece by piece, until it returns false; then the path of the entry where it did.
using Take = std::function<bool(std::string_view)>;

std::optional<std::string> each_entry(const DirFd& dir, const Take& take) {
  std::string piece;
  const auto give = [&](std::string_view name, const struct stat& st) {
    const Look look = look_of(st);
    piece.assign(name).push_back('\0');
    piece.append(reinterpret_cast<const char*>(&look), sizeof look);
    return take(piece);
  };
  Descent place(dir.sub("rootfs"), [](const DirFd& opened) { return opened.names_once(); });
  struct stat st{};
  if (::fstat(place.at().get(), &st) < 0) throw Error::from_errno("stat a tree");
  if (!give("/", st)) return "/";
  for (;;) {
    const auto name = place.next();
    if (!name) {
      if (!take(kEnd)) return cat(place.path(), "/");
      if (place.at_top()) return std::nullopt;
      place.up();
      continue;
    }
    if (::fstatat(place.at().get(), name->c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0)
      throw Error::from_errno(cat("stat ", quoted(*name)));
    if (!give(*name, st)) return cat(place.path(), "/", *name);
    if (S_ISDIR(st.st_mode)) place.down(*name, place.at().sub(*name));
  }
}

// A record, read as far as it is asked for.
class Stored {
 public:
  explicit Stored(UniqueFd file) : file_(std::move(file)) {}

  bool next_is(std::string_view expected) {
    if (block_.size() - at_ < expected.size()) read_on();
    const bool same = std::string_view(block_).substr(at_).starts_with(expected);
    at_ += same ? expected.size() : 0;
    return same;
  }
  bool at_end() {
    read_on();
    return block_.empty();
  }

 private:
  void read_on() {
    block_.erase(0, at_);
    at_ = 0;
    std::size_t have = block_.size();
    block_.resize(kBlock);
    while (have < kBlock) {
      const ssize_t n = ::read(file_.get(), block_.data() + have, kBlock - have);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) throw Error::from_errno(cat("read ", quoted(kEntries)));
      if (n == 0) break;
      have += static_cast<std::size_t>(n);
    }
    block_.resize(have);
  }

  UniqueFd file_;
  std::string block_;
  std::size_t at_ = 0;  // what is before it was taken
};

std::optional<std::string> compared(const DirFd& dir) {
  auto file = find_regular(dir, kEntries);
  if (!file) return "it has no record";
  Stored stored(std::move(*file));
  const auto path = each_entry(dir, [&](std::string_view piece) { return stored.next_is(piece); });
  if (path) return cat(quoted(*path), " is not what it was");
  return stored.at_end() ? std::nullopt : std::optional<std::string>("its record is longer");
}

}  // namespace

void write_entries(const DirFd& dir) {
  const UniqueFd file = dir.open_file(kEntries, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  std::string block;
  each_entry(dir, [&](std::string_view piece) {
    block += piece;
    if (block.size() < kBlock) return true;
    write_all(file.get(), block, kEntries);
    block.clear();
    return true;
  });
  write_all(file.get(), block, kEntries);
}

std::optional<std::string> changed_entry(const DirFd& dir) {
  try {
    return compared(dir);
  } catch (const Error& e) {
    if (!is_other_than_wanted(e.sys_errno())) throw;  // it is being removed, say
    return e.brief();
  }
}

}  // namespace rkt::tree
