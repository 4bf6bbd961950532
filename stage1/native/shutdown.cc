// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/shutdown.h"

#include <algorithm>

namespace rkt::native {

Shutdown::Do Shutdown::app_ended(int status, Time now) {
  if (left_ > 0) --left_;
  if (ending() || status == 0) return Do::nothing;
  status_ = status;
  if (over()) return Do::nothing;
  deadline_ = now + kGrace;
  return Do::terminate;
}

Shutdown::Do Shutdown::stop_asked(Time now, std::chrono::milliseconds grace) {
  if (over()) return Do::nothing;
  if (ending()) {
    deadline_ = std::min(*deadline_, now + grace);
    return Do::nothing;
  }
  deadline_ = now + grace;
  return Do::terminate;
}

Shutdown::Do Shutdown::time_passed(Time now) {
  if (!ending() || killed_ || now < *deadline_) return Do::nothing;
  killed_ = true;
  return Do::kill;
}

}  // namespace rkt::native
