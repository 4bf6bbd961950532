// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/supervisor.h"

#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/strings.h"
#include "stage1/native/diagnose.h"
#include "stage1/native/memory.h"
#include "stage1/native/message.h"
#include "sys/caps.h"

namespace rkt::native {
namespace {

using Clock = std::chrono::steady_clock;

int timeout_ms(std::optional<Shutdown::Time> deadline) {
  if (!deadline) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline - Clock::now()).count();
  return static_cast<int>(std::max<std::int64_t>(left, 0));
}

}  // namespace

Supervisor::Supervisor(SupervisorInput input)
    : in_(std::move(input)),
      faults_(in_.plan.apps.size()),
      shutdown_(in_.plan.apps.size()),
      apps_(in_.plan.apps.size()) {
  for (std::size_t i = 0; i < apps_.size(); ++i) apps_[i].restarts = Restarts(in_.plan.apps[i].restart);
}

int Supervisor::run() {
  const UniqueFd signals = child_signals();
  start_all();
  pollfd events[] = {{signals.get(), POLLIN, 0}, {in_.control, POLLIN, 0}};
  while (!shutdown_.over()) {
    if (poll_lean(events, timeout_ms(shutdown_.deadline())) < 0) {
      if (errno != EINTR) throw Error::from_errno("wait for events");
      continue;
    }
    if ((events[1].revents & POLLIN) != 0) take_message();
    if ((events[0].revents & POLLIN) != 0) {
      signalfd_siginfo drained[4];
      (void)!::read(signals.get(), drained, sizeof drained);
      reap();
    }
    act(shutdown_.time_passed(Clock::now()));
  }
  return shutdown_.pod_status();
}

void Supervisor::take_message() {
  const auto message = receive_message(in_.control);
  if (!message) return;
  if (message->kind == Message::Kind::stop)
    act(shutdown_.stop_asked(Clock::now(), std::chrono::milliseconds(message->value)));
  if (message->kind != Message::Kind::start || message->app >= apps_.size()) return;
  App& app = apps_[message->app];
  if (app.phase != Phase::waiting) return;
  app.phase = Phase::pre_start;
  app.handler = 0;
  app.status = 0;
  app.restarts.started(Clock::now());
  advance(message->app);
}

void Supervisor::start_all() {
  for (std::size_t i = 0; i < apps_.size(); ++i) {
    in_.mounts.assemble(i);
    fill_with_null(in_.stdio[i], in_.mounts.root_path(i));
  }
  in_.mounts.assembled();
  if (in_.plan.may_look_into_init() && !in_.plan.launches_later()) gate_ = Pipe::make();
  for (std::size_t i = 0; i < apps_.size(); ++i) {
    if (!shutdown_.ending()) {
      apps_[i].restarts.started(Clock::now());
      advance(i);
      continue;
    }
    apps_[i].status = 128 + SIGTERM;  // another app has failed before this one could begin
    finish(i);
  }
  if (!in_.plan.launches_later()) become_harmless();
  send_message(in_.control, {.kind = Message::Kind::ready});
}

void Supervisor::become_harmless() {
  for (std::size_t i = 0; i < apps_.size(); ++i) in_.mounts.drop(i);
  in_.mounts.let_go();
  in_.groups.clear();
  in_.oom_score.reset();
  drop_capabilities(cap_bit(CAP_KILL));
  gate_.reset();
}

const std::vector<std::string>& Supervisor::current_argv(std::size_t i) const {
  const AppPlan& plan = in_.plan.apps[i];
  switch (apps_[i].phase) {
    case Phase::pre_start:
      return plan.pre_start[apps_[i].handler];
    case Phase::post_stop:
      return plan.post_stop[apps_[i].handler];
    case Phase::main:
    case Phase::waiting:
    case Phase::over:
      break;
  }
  return plan.argv;
}

// Starts what comes next in the app's life; what cannot be started counts as ended, and the next thing is tried.
void Supervisor::advance(std::size_t i) {
  App& app = apps_[i];
  const AppPlan& plan = in_.plan.apps[i];
  for (;;) {
    if (app.phase == Phase::pre_start && app.handler == plan.pre_start.size()) app.phase = Phase::main;
    const bool out_of_time = shutdown_.ending() && !shutdown_.deadline();
    if (app.phase == Phase::post_stop && (app.handler == plan.post_stop.size() || out_of_time)) break;
    if (plan.fault && app.phase == Phase::main) {
      say(cat("app ", quoted(plan.name), ": ", plan.fault->text));
      app.status = plan.fault->status;
      app.hopeless = true;
    } else if (try_launch(i, current_argv(i), app.phase == Phase::main)) {
      return;
    } else if (app.phase != Phase::post_stop) {
      app.status = kLaunchFailed;
    }
    app.handler = app.phase == Phase::post_stop ? app.handler + 1 : 0;
    app.phase = Phase::post_stop;
  }
  finish(i);
}

bool Supervisor::try_launch(std::size_t i, const std::vector<std::string>& argv, bool main) {
  const AppPlan& plan = in_.plan.apps[i];
  const AppStdio& stdio = in_.stdio[i];
  std::vector<ProcMask> masks;
  if (plan.own_processes) masks = in_.mounts.proc_masks(i);
  try {
    apps_[i].pid = launch(
        {.argv = argv,
         .env = plan.env,
         .directory = plan.directory,
         .root = in_.mounts.root_path(i),
         .own_processes = plan.own_processes ? &masks : nullptr,
         .uid = main ? plan.uid : 0,
         .gid = main ? plan.gid : 0,
         .groups = main ? plan.groups : std::vector<gid_t>{},
         .confinement = plan.confinement,
         .oom_score = plan.oom_score ? &*plan.oom_score : nullptr,
         .proc = in_.mounts.proc(),
         .own_oom_score = in_.oom_score.get(),
         .entry = in_.groups[i].entry(),
         .stdio = {stdio.in.get(), stdio.out.get(), stdio.err.get()},
         .controlling_terminal = in_.plan.terminal || plan.streams.in == StreamMode::tty,
         .sockets = main ? &in_.sockets[i] : nullptr,
         .gate = {gate_ && plan.looks_at_pod() ? gate_->read_end.get() : -1, gate_ ? gate_->write_end.get() : -1}},
        faults_.slot(i));
  } catch (const Error& e) {
    say(cat("app ", quoted(plan.name), ": ", e.brief()));
    set_hopeless(apps_[i], e.sys_errno());
    return false;
  }
  if (!main) return true;
  if (!plan.restarts()) in_.sockets[i].clear();
  send_message(in_.control,
               {.kind = Message::Kind::started, .app = static_cast<std::uint16_t>(i), .value = apps_[i].pid});
  return true;
}

// Zombies are looked at before they are reaped: until then their pids name nobody else.
void Supervisor::reap() {
  for (;;) {
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0) return;
    const auto it = std::ranges::find(apps_, info.si_pid, &App::pid);
    if (it == apps_.end()) {
      ::waitid(P_PID, static_cast<id_t>(info.si_pid), nullptr, WEXITED | WNOHANG);
      continue;
    }
    const bool exited = info.si_code == CLD_EXITED;
    process_ended(static_cast<std::size_t>(it - apps_.begin()),
                  {.code = exited ? info.si_status : 0, .signal = exited ? 0 : info.si_status});
  }
}

void Supervisor::process_ended(std::size_t i, ExitStatus how) {
  App& app = apps_[i];
  const pid_t pid = app.pid;
  const bool never_ran = faults_.slot(i).step != AppStep::none;
  const int status = never_ran ? fault_status(i, current_argv(i)) : how.shell();
  app.pid = 0;
  if (never_ran) set_hopeless(app, faults_.slot(i).err);
  ::waitid(P_PID, static_cast<id_t>(pid), nullptr, WEXITED | WNOHANG);
  switch (app.phase) {
    case Phase::pre_start:
      ++app.handler;
      if (status != 0 || shutdown_.ending()) {
        app.status = status;
        app.handler = 0;
        app.phase = Phase::post_stop;
      }
      break;
    case Phase::main:
      app.status = status;
      app.handler = 0;
      app.phase = Phase::post_stop;
      break;
    case Phase::post_stop:
      ++app.handler;
      break;
    case Phase::waiting:
    case Phase::over:
      return;
  }
  advance(i);
}

// A start has failed with that error. What an app does when it has ended decides nothing.
void Supervisor::set_hopeless(App& app, int err) {
  if (app.phase != Phase::post_stop && fails_again(err)) app.hopeless = true;
}

// Says why a program never ran.
int Supervisor::fault_status(std::size_t i, const std::vector<std::string>& argv) {
  const AppPlan& plan = in_.plan.apps[i];
  const AppFault& fault = faults_.slot(i);
  std::string why;
  if (fault.step == AppStep::exec)
    why = diagnose_exec(in_.mounts.root_dir(i), argv.front(), fault.err);
  else if (fault.step == AppStep::directory)
    why = cat(describe(fault.step), " ", quoted(plan.directory), ": ", error_text(fault.err));
  else
    why = fault_text(fault);
  say(cat("app ", quoted(plan.name), ": ",
          fault.step == AppStep::exec ? cat(quoted(argv.front()), " could not be executed: ") : "", why));
  return status_of(fault.step);
}

void Supervisor::finish(std::size_t i) {
  App& app = apps_[i];
  if (restart_later(i)) return;
  app.phase = Phase::over;
  in_.stdio[i] = {};
  in_.sockets[i].clear();
  send_message(in_.control, {.kind = Message::Kind::ended, .app = static_cast<std::uint16_t>(i), .value = app.status});
  act(shutdown_.app_ended(app.status, Clock::now()));
}

// Outer counts it, kills what the app left, and says when the time has come.
bool Supervisor::restart_later(std::size_t i) {
  App& app = apps_[i];
  if (app.hopeless || shutdown_.ending()) return false;
  const auto delay = app.restarts.ended(app.status, Clock::now());
  if (!delay) return false;
  app.phase = Phase::waiting;
  // The pod's only app: everything else here is its, also where no cgroup tells that.
  if (apps_.size() == 1) ::kill(-1, SIGKILL);
  send_message(in_.control, {.kind = Message::Kind::restarts,
                             .app = static_cast<std::uint16_t>(i),
                             .value = static_cast<std::int32_t>(delay->count())});
  return true;
}

// Everybody in the pod gets SIGTERM. An app with another signal in mind gets that, in its main process alone, as its
// image's author expects; then the others get theirs by process group, which their main process leads.
void Supervisor::terminate() {
  const auto wants_other = [](const AppPlan& a) { return a.stop_signal != SIGTERM; };
  if (std::ranges::none_of(in_.plan.apps, wants_other)) {
    ::kill(-1, SIGTERM);
    ::kill(-1, SIGCONT);
  }
  for (std::size_t i = 0; i < apps_.size(); ++i) {
    const App& app = apps_[i];
    const int signal = app.phase == Phase::main ? in_.plan.apps[i].stop_signal : SIGTERM;
    if (app.phase == Phase::waiting) finish(i);
    if (app.pid == 0 || std::ranges::none_of(in_.plan.apps, wants_other)) continue;
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
      ::kill(-1, SIGKILL);
      return;
  }
}

void Supervisor::say(std::string text) const {
  send_message(in_.control, {.kind = Message::Kind::line, .text = std::move(text)});
}

}  // namespace rkt::native
