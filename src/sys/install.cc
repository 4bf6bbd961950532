// SPDX-License-Identifier: Apache-2.0
#include "sys/install.h"

#include <limits.h>
#include <unistd.h>

#include "base/error.h"

namespace rkt {

const std::string& binary_directory() {
  static const std::string directory = [] {
    char path[PATH_MAX];
    const ssize_t n = ::readlink("/proc/self/exe", path, sizeof path);
    if (n < 0) throw Error::from_errno("find the running binary");
    const std::string_view binary(path, static_cast<std::size_t>(n));
    return std::string(binary.substr(0, binary.find_last_of('/')));
  }();
  return directory;
}

std::string install_prefix() {
  const std::string& dir = binary_directory();
  return dir.substr(0, dir.find_last_of('/'));
}

}  // namespace rkt
