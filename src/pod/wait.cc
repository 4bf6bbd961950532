// SPDX-License-Identifier: Apache-2.0
#include "pod/wait.h"

#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include <algorithm>

#include "base/error.h"
#include "pod/watch.h"

namespace rkt::pod {
namespace {

using Clock = std::chrono::steady_clock;
using Deadline = std::optional<Clock::time_point>;

Deadline deadline_for(Limit limit) {
  if (!limit) return std::nullopt;
  return Clock::now() + *limit;
}

bool passed(const Deadline& d) { return d && Clock::now() >= *d; }

// For poll: the rest of the time, at most `cap` milliseconds (-1: no cap).
int poll_time(const Deadline& d, int cap) {
  if (!d) return cap;
  const auto rest = std::chrono::ceil<std::chrono::milliseconds>(*d - Clock::now()).count();
  const int ms = static_cast<int>(std::clamp<long long>(rest, 0, 1'000'000'000));
  return cap < 0 ? ms : std::min(ms, cap);
}

// Interrupts a blocking flock at the deadline. The timer repeats, so that a signal which arrives just before the call
// is followed by another one inside it.
class Alarm {
 public:
  explicit Alarm(const Deadline& d) : armed_(d.has_value()) {
    if (!d) return;
    struct sigaction act{};
    act.sa_handler = [](int) {};
    ::sigaction(SIGALRM, &act, &before_);  // no SA_RESTART: the call shall end with EINTR
    const auto us = std::max<long long>(1, std::chrono::ceil<std::chrono::microseconds>(*d - Clock::now()).count());
    const itimerval t{.it_interval = {0, 20'000}, .it_value = {us / 1'000'000, us % 1'000'000}};
    if (::setitimer(ITIMER_REAL, &t, nullptr) < 0) throw Error::from_errno("set a timer");
  }
  ~Alarm() {
    if (!armed_) return;
    const itimerval off{};
    ::setitimer(ITIMER_REAL, &off, nullptr);
    ::sigaction(SIGALRM, &before_, nullptr);
  }
  Alarm(Alarm&&) = delete;

 private:
  bool armed_;
  struct sigaction before_{};
};

// Until nobody holds the pod exclusively. False: the deadline passed.
bool wait_unlocked(const Pod& pod, const Deadline& deadline) {
  const DirFd again = pod.dir().sub(".");
  const Alarm alarm(deadline);
  while (::flock(again.get(), LOCK_SH) < 0) {
    if (errno != EINTR) throw Error::from_errno("wait for the lock of a pod");
    if (passed(deadline)) return false;
  }
  return true;  // released with the descriptor
}

// Until the pod leaves its place. False: the deadline passed.
bool wait_moved(const Pods& pods, Pod& pod, const Deadline& deadline) {
  const auto place = state_place(pod.state());
  const Watch watch;
  watch.add(pods.dir(place).get(), IN_MOVED_FROM | IN_DELETE);
  for (;;) {
    pod.refresh(pods);  // after the watch exists: what happens from here on is not missed
    if (state_place(pod.state()) != place) return true;
    pollfd p{watch.fd(), POLLIN, 0};
    if (::poll(&p, 1, poll_time(deadline, watch.wait_ms(-1))) < 0 && errno != EINTR)
      throw Error::from_errno("wait for a pod");
    if (passed(deadline)) return false;
    watch.drain();
  }
}

UniqueFd pidfd_of(const Pod& pod) {
  const auto pid = pod.pid();
  if (!pid) return {};
  return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, *pid, 0)));
}

}  // namespace

bool wait_finished(const Pods& pods, Pod& pod, Limit limit) {
  const Deadline deadline = deadline_for(limit);
  for (;;) {
    pod.refresh(pods);
    if (is_finished(pod.state())) return true;
    if (passed(deadline)) return false;
    const bool unlocked_place = pod.state() == State::embryo || pod.state() == State::prepared;
    if (!(unlocked_place ? wait_moved(pods, pod, deadline) : wait_unlocked(pod, deadline))) return false;
  }
}

Ready wait_ready(const Pods& pods, Pod& pod, Limit limit) {
  // The directories to watch come into being one after the other while the pod starts; a look now and then covers the
  // gaps.
  constexpr int kLookAgainMs = 200;
  const Deadline deadline = deadline_for(limit);
  for (;;) {
    const Watch watch;
    watch.add(pods.dir("prepared").get(), IN_MOVED_FROM);
    pod.refresh(pods);
    if (pod.state() == State::gone) return Ready::ended;
    if (const auto root = pod.stage1_files())
      if (const auto dir = root->find_in_root("rkt", O_RDONLY | O_DIRECTORY))
        watch.add(dir->get(), IN_CREATE | IN_MOVED_TO);
    if (pod.state() == State::running && pod.supervisor_ready()) return Ready::ready;
    if (is_finished(pod.state()) || is_after_run(pod.state())) return Ready::ended;
    if (passed(deadline)) return Ready::timeout;
    const UniqueFd process = pidfd_of(pod);
    pollfd p[2] = {{watch.fd(), POLLIN, 0}, {process.get(), POLLIN, 0}};
    if (::poll(p, 2, poll_time(deadline, kLookAgainMs)) < 0 && errno != EINTR)
      throw Error::from_errno("wait for a pod");
  }
}

}  // namespace rkt::pod
