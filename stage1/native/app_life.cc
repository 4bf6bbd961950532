// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/app_life.h"

#include <signal.h>

#include <algorithm>
#include <cerrno>

namespace rkt::native {
namespace {

// Whether a start that failed with this errno fails the same way the next time. Everything else passes: no memory, no
// process, an address or a file in use.
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

}  // namespace

AppLife::Do AppLife::begin(Time now) {
  status_ = stopping_ ? 128 + SIGTERM : 0;
  if (stopping_) return end();  // another app has failed before this one could begin
  phase_ = Phase::pre_start;
  handler_ = 0;
  started_ = now;
  return next(now);
}

AppLife::Do AppLife::ended(int status, Time now) {
  switch (phase_) {
    case Phase::pre_start:
      ++handler_;
      if (status != 0 || stopping_) turn_to_post_stop(status);
      break;
    case Phase::main:
      turn_to_post_stop(status);
      break;
    case Phase::post_stop:
      ++handler_;
      break;
    case Phase::waiting:
    case Phase::over:
      return Do::nothing;
  }
  return next(now);
}

// What an app does when it has ended decides nothing.
AppLife::Do AppLife::failed(int status, int err, Time now) {
  if ((phase_ == Phase::pre_start || phase_ == Phase::main) && fails_again(err)) hopeless_ = true;
  return ended(status, now);
}

AppLife::Do AppLife::time_passed(Time now) {
  return phase_ == Phase::waiting && start_at_ <= now ? begin(now) : Do::nothing;
}

AppLife::Do AppLife::stop() {
  stopping_ = true;
  return phase_ == Phase::waiting ? end() : Do::nothing;
}

AppLife::Do AppLife::kill() {
  killed_ = true;
  return stop();
}

const std::vector<std::string>& AppLife::program() const {
  if (phase_ == Phase::pre_start) return plan_.pre_start[handler_];
  if (phase_ == Phase::post_stop) return plan_.post_stop[handler_];
  return plan_.argv;
}

AppLife::Do AppLife::next(Time now) {
  if (phase_ == Phase::pre_start && handler_ == plan_.pre_start.size()) phase_ = Phase::main;
  if (phase_ != Phase::post_stop || (!killed_ && handler_ < plan_.post_stop.size())) return Do::launch;
  if (!starts_again()) return end();
  if (now - started_ >= kSound) delay_ = kFirst;
  phase_ = Phase::waiting;
  start_at_ = now + delay_;
  delay_ = std::min(2 * delay_, kMost);
  ++restarts_;
  return Do::restart;
}

bool AppLife::starts_again() const {
  using When = appc::RestartPolicy::When;
  const auto& policy = plan_.restart;
  if (hopeless_ || stopping_ || awaited_ || policy.when == When::never) return false;
  return (policy.when == When::always || status_ != 0) && (!policy.most || restarts_ < *policy.most);
}

AppLife::Do AppLife::end() noexcept {
  phase_ = Phase::over;
  return Do::end;
}

void AppLife::turn_to_post_stop(int status) noexcept {
  status_ = status;
  handler_ = 0;
  phase_ = Phase::post_stop;
}

}  // namespace rkt::native
