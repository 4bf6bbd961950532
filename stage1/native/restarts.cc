// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/restarts.h"

#include <algorithm>
#include <cerrno>

namespace rkt::native {

bool fails_again(int err) {
  switch (err) {
    case 0:
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
    case ENAMETOOLONG:
    case EACCES:
    case EPERM:
    case ENOEXEC:
    case ELIBBAD:
    case E2BIG:
    case EINVAL:
    case ENOSYS:
    case EOPNOTSUPP:
      return true;
    default:
      return false;
  }
}

std::optional<std::chrono::milliseconds> Restarts::ended(int status, Time now) {
  using When = appc::RestartPolicy::When;
  if (policy_.when == When::never || (policy_.when == When::on_failure && status == 0)) return std::nullopt;
  if (policy_.most && count_ >= *policy_.most) return std::nullopt;
  if (now - started_ >= kSound) next_ = kFirst;
  const auto delay = next_;
  next_ = std::min(2 * next_, kMost);
  ++count_;
  return delay;
}

}  // namespace rkt::native
