// SPDX-License-Identifier: Apache-2.0
#include "sys/usage.h"

#include <set>
#include <utility>

#include "base/error.h"
#include "sys/descent.h"

namespace rkt {
namespace {

constexpr std::uint64_t kBlock = 512;  // of st_blocks, whatever the file system's are

std::uint64_t bytes_of(const struct stat& st) { return static_cast<std::uint64_t>(st.st_blocks) * kBlock; }

}  // namespace

std::uint64_t disk_usage(const DirFd& dir) {
  struct stat st{};
  if (::fstat(dir.get(), &st) < 0) throw Error::from_errno("stat a directory");
  std::uint64_t total = bytes_of(st);
  std::set<std::pair<dev_t, ino_t>> counted;
  Descent place(dir.clone());
  for (;;) {
    const auto name = place.next();
    if (!name) {
      if (place.at_top()) return total;
      place.up();
      continue;
    }
    if (::fstatat(place.at().get(), name->c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) continue;
    if (st.st_nlink > 1 && !S_ISDIR(st.st_mode) && !counted.emplace(st.st_dev, st.st_ino).second) continue;
    total += bytes_of(st);
    if (!S_ISDIR(st.st_mode)) continue;
    if (auto sub = place.at().find_sub(*name)) place.down(*name, std::move(*sub));
  }
}

}  // namespace rkt
