// SPDX-License-Identifier: Apache-2.0
#include "sys/write_at.h"

#include <unistd.h>

#include "base/error.h"

namespace rkt {

void write_at(int fd, std::span<const std::uint8_t> bytes, std::uint64_t at, std::string_view doing) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw Error::from_errno(doing);
    bytes = bytes.subspan(static_cast<std::size_t>(n));
    at += static_cast<std::uint64_t>(n);
  }
}

}  // namespace rkt
