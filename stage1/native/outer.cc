// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/outer.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "base/error.h"
#include "stage1/native/memory.h"
#include "sys/spawn.h"

namespace rkt::native {
namespace {

constexpr int kLastOutputMs = 1000;  // of a pod that was killed: whoever does that does not want to wait

class Outer {
 public:
  explicit Outer(OuterInput input) : in_(std::move(input)) {}

  int run() {
    while (!ended_ || apps_run() || (in_.relay.active() && !given_up_)) step();
    return status();
  }

 private:
  void step() {
    const auto now = std::chrono::steady_clock::now();
    std::vector<pollfd> events;
    in_.relay.watch(events);
    const std::size_t relayed = events.size();
    events.push_back({in_.signals, POLLIN, 0});
    events.push_back({open_ ? in_.control : -1, POLLIN, 0});
    events.push_back({ended_ ? -1 : in_.init, POLLIN, 0});
    const std::size_t app_events = events.size();
    if (in_.apps != nullptr) in_.apps->watch(events, now);
    const std::size_t notifications = events.size();
    if (in_.readiness != nullptr) in_.readiness->watch(events, now);
    const int n = poll_lean(events, timeout_ms(now));
    if (n < 0 && errno != EINTR) throw Error::from_errno("wait for events");
    if (n < 0) return;
    given_up_ = n == 0 && ended_ && !over_;
    const std::span<const pollfd> all(events);
    // Messages first: a line of output wants to know its process.
    if (all[relayed + 1].revents != 0) take_message();
    in_.relay.handle(all.first(relayed));
    if (in_.relay.escaped()) kill_init();
    if ((all[relayed].revents & POLLIN) != 0) take_signal();
    if (all[relayed + 2].revents != 0) {
      ended_ = true;
      in_.relay.attachments().all_ended();
      while (open_ && !over_) take_message();
    }
    if (in_.readiness != nullptr) in_.readiness->handle(all.subspan(notifications), std::chrono::steady_clock::now());
    if (in_.apps != nullptr) look_after_apps(all.subspan(app_events));
    start_again();
  }

  void start_again() {
    const auto now = std::chrono::steady_clock::now();
    for (const auto& [when, app] : to_start_)
      if (when <= now) (void)send_message(in_.control, {.kind = Message::Kind::start, .app = app});
    std::erase_if(to_start_, [now](const auto& s) { return s.first <= now; });
  }

  bool apps_run() const { return in_.apps != nullptr && !in_.apps->idle(); }

  // init is asked to end when the last app has.
  void look_after_apps(std::span<const pollfd> events) {
    const auto now = std::chrono::steady_clock::now();
    in_.apps->handle(events, now);
    in_.apps->time_passed(now);
    if (asked_ && !told_ && in_.apps->idle()) told_ = send_message(in_.control, {.kind = Message::Kind::stop});
  }

  int timeout_ms(std::chrono::steady_clock::time_point now) const {
    if (ended_ && !over_) return kLastOutputMs;
    auto deadline = in_.relay.deadline();
    const auto at = [&](std::chrono::steady_clock::time_point when) {
      deadline = std::min(deadline.value_or(when), when);
    };
    if (const auto apps = in_.apps != nullptr ? in_.apps->deadline(now) : std::nullopt) at(*apps);
    if (const auto ready = in_.readiness != nullptr ? in_.readiness->deadline(now) : std::nullopt) at(*ready);
    for (const auto& [when, app] : to_start_) at(when);
    if (!deadline) return -1;
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(*deadline - std::chrono::steady_clock::now()).count();
    return static_cast<int>(std::max<std::int64_t>(left, 0));
  }

  void take_message() {
    const auto m = receive_message(in_.control);
    if (!m) {
      open_ = false;
      return;
    }
    switch (m->kind) {
      case Message::Kind::started:
        in_.relay.set_pid(m->app, m->value);
        return in_.on_started(m->app, m->value);
      case Message::Kind::ready:
        return in_.on_ready();
      case Message::Kind::ended:
        if (!asked_ && failed_ == 0) failed_ = m->value;
        return in_.on_ended(m->app, m->value);
      case Message::Kind::restarts:
        in_.on_restarts(m->app);
        to_start_.emplace_back(std::chrono::steady_clock::now() + std::chrono::milliseconds(m->value), m->app);
        return;
      case Message::Kind::line:
        return in_.relay.note(m->text);
      case Message::Kind::over:
        over_ = m->value;
        return;
      case Message::Kind::start:
      case Message::Kind::stop:
        return;
    }
  }

  void take_signal() {
    signalfd_siginfo info{};
    if (::read(in_.signals, &info, sizeof info) != sizeof info) return;
    if (info.ssi_signo == SIGWINCH) return in_.relay.window_changed();
    if (info.ssi_signo != SIGTERM && info.ssi_signo != SIGINT && info.ssi_signo != SIGHUP) return;
    // stop.cc says how long.
    const bool tells = info.ssi_code == SI_QUEUE && info.ssi_int >= 0;
    if (ended_)
      given_up_ = true;
    else if (asked_ && info.ssi_signo == SIGINT)
      kill_init();
    else if (!asked_ || tells)
      ask_to_end(tells ? std::chrono::milliseconds(info.ssi_int) : Shutdown::kGrace);
    if (!asked_) notify_manager("STOPPING=1");
    asked_ = true;
  }

  void ask_to_end(std::chrono::milliseconds grace) {
    if (in_.apps != nullptr) return in_.apps->stop_all(std::chrono::steady_clock::now(), grace);
    send_message(in_.control, {.kind = Message::Kind::stop, .value = static_cast<std::int32_t>(grace.count())});
  }

  void kill_init() { (void)::syscall(SYS_pidfd_send_signal, in_.init, SIGKILL, nullptr, 0); }

  // A pod that was killed while it ended because of a failure has failed with that.
  int status() {
    siginfo_t info{};
    if (::waitid(P_PIDFD, static_cast<id_t>(in_.init), &info, WEXITED | WNOWAIT) < 0)
      throw Error::from_errno("wait for the pod");
    const bool exited = info.si_code == CLD_EXITED;
    if (over_ && exited) return *over_;
    if (failed_ != 0) return failed_;
    return ExitStatus{.code = exited ? info.si_status : 0, .signal = exited ? 0 : info.si_status}.shell();
  }

  OuterInput in_;
  bool open_ = true, ended_ = false, asked_ = false, told_ = false, given_up_ = false;
  int failed_ = 0;  // the first app's that failed by itself
  std::optional<int> over_;
  std::vector<std::pair<std::chrono::steady_clock::time_point, std::uint16_t>> to_start_;  // apps, and when
};

}  // namespace

UniqueFd take_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int s : {SIGTERM, SIGINT, SIGHUP, SIGWINCH, SIGPIPE, SIGCHLD, SIGQUIT, SIGTTOU, SIGXFSZ})
    sigaddset(&set, s);
  struct sigaction hangup{};
  if (::sigaction(SIGHUP, nullptr, &hangup) == 0 && hangup.sa_handler == SIG_IGN) sigdelset(&set, SIGHUP);
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) < 0) throw Error::from_errno("block signals");
  sigdelset(&set, SIGCHLD);
  sigdelset(&set, SIGPIPE);
  sigdelset(&set, SIGXFSZ);
  UniqueFd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) throw Error::from_errno("watch for signals");
  return fd;
}

int supervise_from_outside(OuterInput input) { return Outer(std::move(input)).run(); }

}  // namespace rkt::native
