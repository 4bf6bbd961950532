// SPDX-License-Identifier: Apache-2.0
#include "sys/fd_path.h"

#include <unistd.h>

#include <climits>

#include "base/error.h"
#include "base/strings.h"

namespace rkt {

std::string path_of_fd(int fd, std::string_view doing) {
  std::string path(PATH_MAX, '\0');
  const ssize_t n = ::readlink(cat("/proc/self/fd/", fd).c_str(), path.data(), path.size());
  if (n < 0) throw Error::from_errno(doing);
  if (n == static_cast<ssize_t>(path.size())) throw Error::from_errno(doing, ENAMETOOLONG);
  path.resize(static_cast<std::size_t>(n));
  return path;
}

}  // namespace rkt
