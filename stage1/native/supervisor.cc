// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/supervisor.h"

#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/strings.h"
#include "stage1/native/diagnose.h"

namespace rkt::native {
namespace {

using Clock = std::chrono::steady_clock;

bool is_zombie(pid_t pid) {
  siginfo_t info{};
  return pid != 0 && ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid != 0;
}

}  // namespace

Supervisor::Supervisor(const PodPlan& plan, Launcher& launcher, std::function<void(const Message&)> tell)
    : plan_(plan), launcher_(launcher), tell_(std::move(tell)), faults_(plan.apps.size()), shutdown_(plan.apps.size()) {
  for (const auto& app : plan_.apps) apps_.push_back({.life = AppLife(app)});
}

void Supervisor::start() {
  for (std::size_t i = 0; i < apps_.size(); ++i) drive(i, apps_[i].life.begin(Clock::now()));
}

void Supervisor::stop(std::chrono::milliseconds grace) { act(shutdown_.stop_asked(Clock::now(), grace)); }

Deadline Supervisor::deadline() const {
  Deadline out = shutdown_.deadline();
  for (const App& app : apps_) out = earlier(out, app.life.start_at());
  return out;
}

void Supervisor::time_passed() {
  for (std::size_t i = 0; i < apps_.size(); ++i) drive(i, apps_[i].life.time_passed(Clock::now()));
  act(shutdown_.time_passed(Clock::now()));
}

void Supervisor::drive(std::size_t i, AppLife::Do what) {
  const auto app = static_cast<std::uint16_t>(i);
  const AppLife& life = apps_[i].life;
  while (what == AppLife::Do::launch) what = launch(i);
  if (what == AppLife::Do::restart) {
    // The pod's only app: everything else here is its, also where no cgroup tells that.
    if (apps_.size() == 1) launcher_.signal_all(SIGKILL);
    apps_[i].signal = 0;
    apps_[i].killed = false;
    tell_({.kind = Message::Kind::restarts, .app = app, .value = static_cast<std::int32_t>(life.restarts())});
  } else if (what == AppLife::Do::end) {
    launcher_.forget(i);
    tell_({.kind = Message::Kind::ended, .killed = apps_[i].killed, .app = app, .value = life.status()});
    act(shutdown_.app_ended(life.status(), Clock::now(), apps_[i].signal));
  }
}

AppLife::Do Supervisor::launch(std::size_t i) {
  App& app = apps_[i];
  const auto& fault = plan_.apps[i].fault;
  if (fault && app.life.in_main()) {
    say(i, fault->text);
    return app.life.failed(fault->status, 0, Clock::now());
  }
  try {
    const Launcher::Child child = launcher_.launch(i, app.life.program(), app.life.in_main(), faults_.slot(i));
    app.pid = child.pid;
    app.arrived = child.arrived;
  } catch (const Error& e) {
    say(i, e.brief());
    return app.life.failed(kLaunchFailed, e.sys_errno(), Clock::now());
  }
  if (app.arrived) tell_started(i);
  return AppLife::Do::nothing;
}

void Supervisor::tell_started(std::size_t i) {
  if (!apps_[i].life.in_main()) return;
  tell_(
      {.kind = Message::Kind::started, .app = static_cast<std::uint16_t>(i), .value = launcher_.number(apps_[i].pid)});
}

// Its way into the pod is over. Whoever asked all to end has not reached a process that has its own signal.
bool Supervisor::arrive(std::size_t i) {
  App& app = apps_[i];
  if (std::exchange(app.arrived, true)) return false;
  const pid_t pid = launcher_.arrived(i, faults_.slot(i));
  if (pid == 0 || std::ranges::find(apps_, pid, &App::pid) != apps_.end()) return false;
  app.pid = pid;
  tell_started(i);
  if (shutdown_.ending() && wants_other_signal()) ::kill(pid, stop_signal(i));
  return true;
}

bool Supervisor::launched() const noexcept { return std::ranges::all_of(apps_, &App::arrived); }

bool Supervisor::begun() const noexcept {
  return launched() &&
         std::ranges::none_of(apps_, [](const App& a) { return a.life.phase() == AppLife::Phase::pre_start; });
}

// Zombies are looked at before they are reaped: until then their pids name nobody else.
void Supervisor::reap() {
  for (;;) {
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0) return;
    if (launcher_.is_pid_1(info.si_pid)) return;
    const bool gone = launcher_.pod_is_gone();
    auto app = std::ranges::find(apps_, info.si_pid, &App::pid);
    // Whom nobody knows may be what one that is on the way has made, and ended before that one has.
    if (!gone && app == apps_.end() && !launched()) {
      app = std::ranges::find_if(apps_, is_zombie, &App::pid);
      if (app == apps_.end()) return;
    }
    if (gone || app == apps_.end())
      ::waitid(P_PID, static_cast<id_t>(info.si_pid), nullptr, WEXITED | WNOHANG);
    else
      process_ended(static_cast<std::size_t>(app - apps_.begin()));
  }
}

void Supervisor::process_ended(std::size_t i) {
  App& app = apps_[i];
  const pid_t pid = app.pid;
  const bool arrived = app.arrived;
  const bool arrives = arrive(i);
  if (!arrives) app.pid = 0;
  siginfo_t info{};
  ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG);
  if (!arrives) drive(i, after(i, ExitStatus::from_siginfo(info), arrived));
}

// `arrived`: it was in the pod.
AppLife::Do Supervisor::after(std::size_t i, ExitStatus how, bool arrived) {
  AppLife& life = apps_[i].life;
  const AppFault& fault = faults_.slot(i);
  if (fault.step != AppStep::none) {
    say(i, start_fault_text(fault, life.program().front(), plan_.apps[i].directory));
    return life.failed(status_of(fault.step), fault.err, Clock::now());
  }
  if (arrived && life.in_main()) {
    apps_[i].signal = how.signal;
    apps_[i].killed = how.signal == SIGKILL && !life.killed();
  }
  if (arrived) return life.ended(how.shell(), Clock::now());
  say(i, "it was killed while it started");
  return life.ended(how.ok() ? kLaunchFailed : how.shell(), Clock::now());
}

bool Supervisor::wants_other_signal() const {
  return std::ranges::any_of(plan_.apps, [](const AppPlan& a) { return a.stop_signal != SIGTERM; });
}

int Supervisor::stop_signal(std::size_t i) const {
  return apps_[i].life.in_main() ? plan_.apps[i].stop_signal : SIGTERM;
}

// Before all in the pod get it: who is on the way has then made a process there, which gets it, or never will.
void Supervisor::signal_arriving(int number) const {
  for (const App& app : apps_)
    if (app.pid != 0 && !app.arrived) ::kill(app.pid, number);
}

// Everybody in the pod gets SIGTERM. An app with another signal in mind gets that, in its main process alone, as its
// image's author expects; then the others get theirs by process group, which their main process leads.
void Supervisor::terminate() {
  const bool each_its_own = wants_other_signal();
  if (!each_its_own) {
    signal_arriving(SIGTERM);
    launcher_.signal_all(SIGTERM);
    launcher_.signal_all(SIGCONT);
  }
  for (std::size_t i = 0; i < apps_.size(); ++i) {
    const App& app = apps_[i];
    const int signal = stop_signal(i);
    drive(i, apps_[i].life.stop());
    if (app.pid == 0 || !each_its_own) continue;
    // A process that was cloned a moment ago leads no group yet.
    if (signal != SIGTERM || ::kill(-app.pid, signal) < 0) ::kill(app.pid, signal);
    ::kill(-app.pid, SIGCONT);
  }
}

// Everybody in the pod but pid 1: apps, what they started, and what was entered.
void Supervisor::act(Shutdown::Do what) {
  switch (what) {
    case Shutdown::Do::nothing:
      return;
    case Shutdown::Do::terminate:
      return terminate();
    case Shutdown::Do::kill:
      signal_arriving(SIGKILL);
      for (std::size_t i = 0; i < apps_.size(); ++i) drive(i, apps_[i].life.kill());
      return launcher_.signal_all(SIGKILL);
  }
}

void Supervisor::say(std::size_t i, std::string_view text) const {
  tell_({.kind = Message::Kind::line, .text = cat("app ", quoted(plan_.apps[i].name), ": ", text)});
}

}  // namespace rkt::native
