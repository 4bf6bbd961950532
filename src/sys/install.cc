// SPDX-License-Identifier: Apache-2.0
#include "sys/install.h"

#include <limits.h>
#include <unistd.h>

#include "base/error.h"

namespace rkt {

std::string binary_directory() {
  std::string path(PATH_MAX, '\0');
  const ssize_t n = ::readlink("/proc/self/exe", path.data(), path.size());
  if (n < 0) throw Error::from_errno("find the running binary");
  path.resize(static_cast<std::size_t>(n));
  return path.substr(0, path.find_last_of('/'));
}

std::string install_prefix() {
  const std::string dir = binary_directory();
  return dir.substr(0, dir.find_last_of('/'));
}

}  // namespace rkt
