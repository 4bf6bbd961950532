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
#include "stage1/native/from_init.h"
#include "stage1/native/memory.h"
#include "stage1/native/supervisor.h"
#include "sys/spawn.h"

namespace rkt::native {
namespace {

constexpr auto kLastOutput =
    std::chrono::seconds(1);  // of a pod that was killed: whoever does that does not want to wait

// After the grace everything but pid 1 has been killed, and it has only to end.
constexpr auto kToEnd = std::chrono::seconds(10);

constexpr int kLastMessages = 4096;  // more than fits into a socket

// Where in the list that is polled whose descriptors are.
struct Places {
  std::size_t signals = 0, messages = 0, init = 0, children = 0;  // one each; the relay's are those before
  std::size_t apps = 0, readiness = 0;                            // the first of several
};

class Outer {
 public:
  explicit Outer(OuterInput input) : in_(std::move(input)), from_init_(in_.apps_of_init) {
    if (in_.launcher == nullptr) return;
    children_ = child_signals();
    supervisor_.emplace(in_.launcher->plan(), *in_.launcher, [this](const Message& m) { handle(m); });
  }

  int run() {
    while (!ended_ || apps_run() || (in_.relay.active() && !given_up_)) step();
    return status();
  }

 private:
  void step() {
    const auto now = std::chrono::steady_clock::now();
    std::vector<pollfd> events;
    const Places at = watch(events, now);
    const int n = poll_lean(events, deadline(now));
    if (n < 0 && errno != EINTR) throw Error::from_errno("wait for events");
    if (n < 0) return;
    given_up_ = given_up_ || (n == 0 && ended_ && !over_);
    const std::span<const pollfd> all(events);
    const auto happened = [&](std::size_t place, int what) { return (all[place].revents & what) != 0; };
    // The order matters. Messages and ends of children before output: a line wants to know its process, and how an
    // app ended is on record before anybody sees the end of what it wrote. The end of pid 1 after what it said and its
    // pod wrote, of which it takes the rest. Apps last: nothing is started once a signal has asked for the end.
    if (happened(at.messages, ~0)) take_message();
    if (happened(at.children, POLLIN)) reap();
    in_.relay.handle(all.first(at.signals));
    if (in_.relay.escaped()) kill_init();
    if (happened(at.signals, POLLIN)) take_signal();
    if (happened(at.init, ~0)) init_ended();
    if (in_.readiness != nullptr) in_.readiness->handle(all.subspan(at.readiness), std::chrono::steady_clock::now());
    if (in_.apps != nullptr) look_after_apps(all.subspan(at.apps, at.readiness - at.apps));
    if (running_ && !ended_ && !told_) supervise();
    if (kill_at_ && *kill_at_ <= std::chrono::steady_clock::now()) kill_init();
  }

  Places watch(std::vector<pollfd>& events, std::chrono::steady_clock::time_point now) const {
    Places at;
    const auto add = [&](int fd) {
      events.push_back({fd, POLLIN, 0});
      return events.size() - 1;
    };
    in_.relay.watch(events);
    at.signals = add(in_.signals);
    at.messages = add(open_ ? in_.control : -1);
    at.init = add(ended_ ? -1 : in_.init);
    at.children = add(running_ ? children_.get() : -1);
    at.apps = events.size();
    if (in_.apps != nullptr) in_.apps->watch(events, now);
    at.readiness = events.size();
    if (in_.readiness != nullptr) in_.readiness->watch(events, now);
    return at;
  }

  void init_ended() {
    ended_ = true;
    kill_at_.reset();
    in_.relay.all_ended();
    take_last_messages();
    if (supervisor_) in_.launcher->forget_all();
  }

  void reap() {
    signalfd_siginfo drained[4];
    (void)!::read(children_.get(), drained, sizeof drained);
    supervisor_->reap();
  }

  // The apps of a pod whose pid 1 does not.
  void supervise() {
    supervisor_->time_passed();
    if (!ready_ && supervisor_->launched()) {
      ready_ = true;
      in_.on_ready();
    }
    if (ready_ && !begun_ && supervisor_->begun()) {
      begun_ = true;
      in_.on_begun();
    }
    if (!supervisor_->over()) return;
    over_ = supervisor_->status();
    told_ = true;
    end_within();
    tell_to_end({.kind = Message::Kind::stop});
  }

  void begin() {
    running_ = true;
    supervisor_->start();
    for (const auto grace : early_) supervisor_->stop(grace);
  }

  bool apps_run() const { return in_.apps != nullptr && !in_.apps->idle(); }

  // init is asked to end when the last app has.
  void look_after_apps(std::span<const pollfd> events) {
    const auto now = std::chrono::steady_clock::now();
    in_.apps->handle(events, now);
    in_.apps->time_passed(now);
    if (!asked_ || told_ || !in_.apps->idle()) return;
    told_ = true;
    end_within();
    tell_to_end({.kind = Message::Kind::stop});
  }

  Deadline deadline(std::chrono::steady_clock::time_point now) const {
    if (ended_ && !over_) return now + kLastOutput;
    Deadline out = earlier(in_.relay.deadline(), kill_at_);
    if (in_.apps != nullptr) out = earlier(out, in_.apps->deadline(now));
    if (in_.readiness != nullptr) out = earlier(out, in_.readiness->deadline(now));
    return running_ && !told_ ? earlier(out, supervisor_->deadline()) : out;
  }

  void take_message() {
    const auto m = receive_message(in_.control, Wait::no);
    if (!m) {
      open_ = false;
      return;
    }
    if (from_init_.takes(*m)) handle(*m);
  }

  // What it had said before it ended. Others may have its end of the socket, and go on.
  void take_last_messages() {
    for (int i = 0; i < kLastMessages && open_ && !over_; ++i) take_message();
    open_ = false;
  }

  void handle(const Message& m) {
    switch (m.kind) {
      case Message::Kind::started:
        in_.relay.set_pid(m.app, m.value);
        return in_.on_started(m.app, m.value);
      case Message::Kind::assembled:
        return supervisor_ ? in_.launcher->take_mounts() : void();
      case Message::Kind::ready:
        if (supervisor_) return begin();
        in_.on_ready();
        return in_.on_begun();
      case Message::Kind::ended:
        if (!asked_ && failed_ == 0) failed_ = m.value;
        return in_.on_ended(m.app, m.value, m.killed);
      case Message::Kind::restarts:
        return in_.on_restarts(m.app, m.value);
      case Message::Kind::line:
        return in_.relay.note(m.text);
      case Message::Kind::over:
        if (!over_) in_.on_over();
        if (!over_) over_ = m.value;
        return;
      case Message::Kind::start:
      case Message::Kind::stop:
      case Message::Kind::signal:
        return;
    }
  }

  void take_signal() {
    signalfd_siginfo info{};
    if (::read(in_.signals, &info, sizeof info) != sizeof info) return;
    if (info.ssi_signo == SIGWINCH) return in_.relay.window_changed();
    if (info.ssi_signo == SIGHUP) return in_.relay.hang_up();
    if (info.ssi_signo != SIGTERM && info.ssi_signo != SIGINT) return;
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
    end_within(grace);
    signal_init(SIGCONT);  // one that somebody has stopped hears nothing
    if (in_.apps != nullptr) return in_.apps->stop_all(std::chrono::steady_clock::now(), grace);
    if (!supervisor_)
      tell_to_end({.kind = Message::Kind::stop, .value = static_cast<std::int32_t>(grace.count())});
    else if (running_)
      supervisor_->stop(grace);
    else
      early_.push_back(grace);
  }

  // Who does not read what he is told has been stopped, or is not what he was.
  void tell_to_end(const Message& message) {
    if (!send_message(in_.control, message, Wait::no)) kill_init();
  }

  // pid 1 may have been taken over, or be held by a debugger: whatever it says or does not say, that is its end.
  void end_within(std::chrono::milliseconds grace = {}) {
    kill_at_ = earlier(kill_at_, std::chrono::steady_clock::now() + grace + kToEnd);
  }

  void kill_init() {
    kill_at_.reset();
    signal_init(SIGKILL);
  }

  void signal_init(int number) const { (void)::syscall(SYS_pidfd_send_signal, in_.init, number, nullptr, 0); }

  // A pod that was killed while it ended because of a failure has failed with that.
  int status() {
    siginfo_t info{};
    if (::waitid(P_PIDFD, static_cast<id_t>(in_.init), &info, WEXITED | WNOWAIT) < 0)
      throw Error::from_errno("wait for the pod");
    if (over_ && info.si_code == CLD_EXITED) return *over_;
    return failed_ != 0 ? failed_ : ExitStatus::from_siginfo(info).shell();
  }

  OuterInput in_;
  FromInit from_init_;
  bool open_ = true, ended_ = false, asked_ = false, told_ = false, given_up_ = false;
  std::optional<Supervisor> supervisor_;                  // with `launcher`
  UniqueFd children_;                                     // readable when one has ended
  bool running_ = false, ready_ = false, begun_ = false;  // supervisor_ works; in_.on_ready and on_begun were told
  std::vector<std::chrono::milliseconds> early_;          // asked to end before that
  Deadline kill_at_;                                      // by then pid 1 has ended
  int failed_ = 0;                                        // the first app's that failed by itself
  std::optional<int> over_;
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
