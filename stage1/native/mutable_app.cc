// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/mutable_app.h"

#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "stage1/native/control.h"
#include "stage1/native/diagnose.h"
#include "stage1/native/events.h"
#include "stage1/native/running.h"
#include "stage1/native/starter.h"
#include "sys/ns.h"
#include "sys/selinux.h"

namespace rkt::native {
namespace {

AppLife::Time time_now() { return std::chrono::steady_clock::now(); }

void send_signal(const UniqueFd& process, int number) {
  if (process) (void)::syscall(SYS_pidfd_send_signal, process.get(), number, nullptr, 0);
}

ExitStatus reap(UniqueFd& process) {
  siginfo_t info{};
  ::waitid(P_PIDFD, static_cast<id_t>(process.get()), &info, WEXITED);
  process.reset();
  return ExitStatus::from_siginfo(info);
}

void answer_all(std::vector<UniqueFd>& clients, const ControlAnswer& answer) {
  for (const auto& c : clients) send_answer(c.get(), answer);
  clients.clear();
}

UniqueFd make_syslog(Relay& relay, std::size_t stream, const std::string& context) {
  const FileLabel label(context, NewObject::socket);
  return relay.syslog().open(stream);
}

std::string read_line(int fd) {
  std::string text(4096, '\0');
  const ssize_t n = ::read(fd, text.data(), text.size());
  text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return text;
}

}  // namespace

MutableApp::MutableApp(const MutablePod& pod, AppPlan plan, std::size_t stream, IsKnown is_known, const Warn& warn)
    : pod_(pod), plan_(std::move(plan)), stream_(stream), is_known_(std::move(is_known)), life_(plan_, true) {
  check_devices(plan_, pod_.cgroups);
  sockets_ = std::move(give_sockets({}, {plan_.sockets}, socket_network(pod_.options), warn).front());
  if (plan_.notifies) {
    const FileLabel label(plan_.file_context);
    notify_ = NotifySocket::make(pod_.dir, plan_.name);
  }
  mounts_ = pod_.plan_mounts(plan_);
  group_ = pod_.cgroups.app(plan_.name, plan_.limits);
  if (plan_.restarts() && !plan_.own_processes && !group_.tracks()) throw no_restarts();
  stdio_ = make_stdio(plan_, {.relay = pod_.relay,
                              .pod = pod_.dir,
                              .index = stream_,
                              .lines = true,
                              .devpts = open_terminals("stage1/rootfs")});
  pod_.record.begun(plan_.name);
}

void MutableApp::start(UniqueFd client, std::string warnings) {
  asked_start_.push_back(std::move(client));
  warnings_ = std::move(warnings);
  drive(life_.begin(time_now()));
}

// As the supervisor's: everybody, or the main process alone when it wants another signal.
void MutableApp::terminate(Time kill_at) {
  end_before(kill_at);
  if (const auto what = life_.stop(); what != AppLife::Do::nothing) return drive(what);
  const int signal = life_.in_main() && process_ ? plan_.stop_signal : SIGTERM;
  // The main process once, also where there are no cgroups: many programs take a second SIGTERM for "at once". And
  // first: a shell whose child has ended already goes on to its next command.
  send_signal(process_, signal);
  send_signal(process_, SIGCONT);
  if (signal == SIGTERM) group_.signal(SIGTERM, process_ ? pid_ : 0);
}

void MutableApp::kill() {
  kill_at_.reset();
  send_signal(process_, SIGKILL);
  send_signal(starter_, SIGKILL);
  group_.signal(SIGKILL);
  drive(life_.kill());
}

void MutableApp::watch(std::vector<pollfd>& events, Time now) const {
  if (starter_) events.push_back({starter_.get(), POLLIN, 0});
  if (process_) events.push_back({process_.get(), POLLIN, 0});
  notify_.watch(events, now);
}

bool MutableApp::handle(std::span<const pollfd> events, Time now) {
  const bool ended = starter_ && revents_of(events, starter_.get()) != 0;
  if (ended) starter_ended();
  if (notify_.take(events, now)) started();
  // In one round both: what has ended at once is recorded at once.
  if (process_ && has_ended(process_.get())) process_ended();
  return ended;
}

void MutableApp::time_passed(Time now) {
  drive(life_.time_passed(now));
  if (kill_at_ && *kill_at_ <= now) kill();
}

Deadline MutableApp::deadline(Time now) const {
  return earlier(earlier(kill_at_, life_.start_at()), notify_.deadline(now));
}

void MutableApp::drive(AppLife::Do what) {
  while (what == AppLife::Do::launch) what = launch();
  if (what == AppLife::Do::end) return finish();
  if (what != AppLife::Do::restart) return;
  pod_.record.restarts(plan_.name, life_.restarts());
  kill_leftovers(&cgroup::Group::empty);
  killed_ = false;
  oom_kills_before_ = pod_.cgroups.oom_kills(plan_.name);
}

AppLife::Do MutableApp::launch() {
  try {
    Pipe errors = Pipe::make();
    fault_.slot(0) = {};
    const auto& context = pod_.options.restrictions.selinux.process;
    UniqueFd syslog = make_syslog(pod_.relay, stream_, context);
    NewProcess starter = clone_process(CLONE_NEWNS, group_.entry().into);
    if (starter.pid == 0) {
      pod_.relay.give_up();
      run_starter({.plan = plan_,
                   .mounts = mounts_,
                   .process_context = context,
                   .argv = life_.program(),
                   .main = life_.in_main(),
                   .sockets = sockets_,
                   .parent = pod_.self.get(),
                   .init = pod_.init,
                   .stdio = stdio_,
                   .syslog = std::move(syslog),
                   .errors = errors.write_end.get(),
                   .entry = group_.entry()},
                  fault_.slot(0));
    }
    starter_ = std::move(starter.pidfd);
    starter_pid_ = starter.pid;
    errors_ = std::move(errors.read_end);
    return AppLife::Do::nothing;
  } catch (const Error& e) {
    return fail(e.brief(), kLaunchFailed, e.sys_errno());
  }
}

void MutableApp::tell_failed(const std::string& why) {
  const std::string whose = cat("app ", quoted(plan_.name), ": ");
  pod_.relay.note(cat("stage1: ", why.starts_with(whose) ? "" : whose, why));
  if (life_.in_main()) answer_all(asked_start_, {.status = kEndedEarly, .text = why});
}

// What was launched never ran.
AppLife::Do MutableApp::fail(const std::string& why, int status, int err) {
  tell_failed(why);
  return life_.failed(status, err, time_now());
}

void MutableApp::starter_ended() {
  const ExitStatus how = reap(starter_);
  starter_pid_ = 0;
  const std::string error = read_line(errors_.get());
  errors_.reset();
  const AppFault& fault = fault_.slot(0);
  const pid_t inside = find_inside(pod_.init_pid, plan_, fault);
  if (auto process = inside != 0 && !is_known_(inside) ? open_pidfd(inside) : std::nullopt) {
    process_ = std::move(*process);
    pid_ = inside;
    // Made by who was killed at that moment, and maybe in no cgroup of the app's yet, where kill() looked.
    if (life_.killed()) send_signal(process_, SIGKILL);
    return arrived();
  }
  const bool step_failed = fault.step != AppStep::none;
  if (step_failed || !error.empty())
    return drive(fail(error.empty() ? start_fault_text(fault, life_.program().front(), plan_.directory) : error,
                      step_failed ? status_of(fault.step) : kLaunchFailed, fault.err));
  tell_failed("it was killed while it started");
  drive(life_.ended(how.ok() ? kLaunchFailed : how.shell(), time_now()));
}

void MutableApp::arrived() {
  if (!life_.in_main()) return;
  const int pid = pid_in_pod(pod_.init_pid, pid_);
  pod_.relay.set_pid(stream_, pid);
  pod_.record.started(plan_, pid);
  if (!notify_) started();
}

void MutableApp::started() {
  life_.started();
  answer_all(asked_start_, {.status = 0, .text = warnings_});
}

void MutableApp::process_ended() {
  const ExitStatus how = reap(process_);
  const AppFault& fault = fault_.slot(0);
  if (fault.step == AppStep::none && life_.in_main()) killed_ = how.signal == SIGKILL && !life_.killed();
  if (fault.step == AppStep::none) return drive(life_.ended(how.shell(), time_now()));
  drive(fail(start_fault_text(fault, life_.program().front(), plan_.directory), status_of(fault.step), fault.err));
}

// On record before anybody is told.
void MutableApp::finish() {
  stdio_ = {};
  notify_.reset();
  pod_.relay.app_ended(stream_);
  kill_at_.reset();
  if (killed_) pod_.record.oom_killed(plan_.name, oom_kills_before_, pod_.cgroups.oom_kills(plan_.name));
  pod_.record.ended(plan_.name, life_.status());
  const bool gone = kill_leftovers(&cgroup::Group::kill_all) && group_.tracks();
  if (gone) pod_.relay.end_output(stream_);
  spy_lingers_ = plan_.looks_at_pod() && !plan_.own_processes && !gone;
  answer_all(asked_start_, {.status = kEndedEarly, .text = "it ended before it had started"});
  answer_all(asked_stop_, {});
}

bool MutableApp::kill_leftovers(void (cgroup::Group::*kill)() const) {
  try {
    (group_.*kill)();
    return true;
  } catch (const Error& e) {
    pod_.relay.note(cat("stage1: app ", quoted(plan_.name), ": ", e.brief()));
    return false;
  }
}

}  // namespace rkt::native
