// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/append.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace rkt::native {

namespace {

// By its size now: who empties the file between two writes must not get it back as zeros.
bool cut_off(int file, std::size_t bytes) noexcept {
  struct stat st{};
  if (::fstat(file, &st) < 0) return false;
  return ::ftruncate(file, std::max<off_t>(0, st.st_size - static_cast<off_t>(bytes))) == 0;
}

}  // namespace

Appended append_whole(int file, std::string_view bytes) noexcept {
  std::string_view left = bytes;
  while (!left.empty()) {
    const ssize_t n = ::write(file, left.data(), left.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      const int err = n < 0 ? errno : ENOSPC;
      const std::size_t written = bytes.size() - left.size();
      return {.err = err, .broken = written > 0 && !cut_off(file, written)};
    }
    left.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

}  // namespace rkt::native
