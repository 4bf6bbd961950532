// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/shutdown.h"

#include <signal.h>

#include <algorithm>

namespace rkt::native {

namespace {

// How one asks a process to end, or tells it that nobody listens: as systemd does, no failure of a service.
bool is_clean(int signal) { return signal == SIGHUP || signal == SIGINT || signal == SIGTERM || signal == SIGPIPE; }

}  // namespace

Shutdown::Do Shutdown::app_ended(int status, Time now, int signal) {
  if (left_ > 0) --left_;
  if (ending() || status == 0) return Do::nothing;
  if (status_ == 0) status_ = status;
  if (over() || is_clean(signal)) return Do::nothing;
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
