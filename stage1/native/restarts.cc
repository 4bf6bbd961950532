// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/restarts.h"

#include <algorithm>

namespace rkt::native {

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
