// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/mutable_apps.h"

#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/strings.h"
#include "stage1/native/backing.h"
#include "stage1/native/diagnose.h"
#include "stage1/native/events.h"
#include "stage1/native/running.h"
#include "stage1/native/startable.h"
#include "stage1/native/starter.h"
#include "sys/ns.h"
#include "sys/selinux.h"

namespace rkt::native {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxClients = 32;
constexpr auto kStrayDelay = std::chrono::milliseconds(10);

bool ready(std::span<const pollfd> events, int fd) { return revents_of(events, fd) != 0; }

void answer_all(std::vector<UniqueFd>& clients, const ControlAnswer& answer) {
  for (const auto& c : clients) send_answer(c.get(), answer);
  clients.clear();
}

std::string read_line(int fd) {
  std::string text(4096, '\0');
  const ssize_t n = ::read(fd, text.data(), text.size());
  text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return text;
}

}  // namespace

MutableApps::MutableApps(MutablePod pod) : pod_(std::move(pod)), control_(pod_.dir, kControlSocket) {}

void MutableApps::watch(std::vector<pollfd>& events, Time now) const {
  events.push_back({control_.fd(), POLLIN, 0});
  for (const auto& c : clients_) events.push_back({c.get(), POLLIN, 0});
  for (const auto& a : apps_) {
    if (a.starter) events.push_back({a.starter.get(), POLLIN, 0});
    if (a.process) events.push_back({a.process.get(), POLLIN, 0});
    a.notify.watch(events, now);
  }
}

void MutableApps::handle(std::span<const pollfd> events, Time now) {
  for (auto& a : apps_) {
    if (a.starter && ready(events, a.starter.get())) starter_ended(a);
    if (a.notify.take(events, now)) answer_all(a.asked_start, {});
    // In one round both: what has ended at once is recorded at once.
    if (a.process && has_ended(a.process.get())) process_ended(a);
  }
  std::vector<UniqueFd> asking;
  for (auto& c : clients_)
    if (ready(events, c.get())) asking.push_back(std::move(c));
  std::erase_if(clients_, [](const UniqueFd& c) { return !c; });
  for (auto& c : asking) serve(std::move(c));
  if (!ready(events, control_.fd())) return;
  if (UniqueFd client = control_.accept(); client && clients_.size() < kMaxClients)
    clients_.push_back(std::move(client));
}

std::optional<MutableApps::Time> MutableApps::deadline(Time now) const {
  std::optional<Time> out;
  for (const auto& a : apps_)
    for (const auto& when : {a.kill_at, a.start_at, a.notify.deadline(now)})
      if (when && (!out || *when < *out)) out = when;
  if (strays_) out = std::min(out.value_or(Time::max()), now + kStrayDelay);
  return out;
}

void MutableApps::time_passed(Time now) {
  for (auto& a : apps_) {
    if (a.start_at && *a.start_at <= now) {
      a.start_at.reset();
      a.phase = Phase::pre_start;
      a.handler = 0;
      a.status = 0;
      a.restarts.started(now);
      advance(a);
    }
    if (!a.kill_at || *a.kill_at > now) continue;
    kill(a);
  }
  end_strays();
}

void MutableApps::kill(App& app) {
  app.kill_at.reset();
  app.killed = true;
  for (const UniqueFd* p : {&app.process, &app.starter})
    if (*p) (void)::syscall(SYS_pidfd_send_signal, p->get(), SIGKILL, nullptr, 0);
  app.group.signal(SIGKILL);
}

void MutableApps::stop_all(Time now, std::chrono::milliseconds grace) {
  for (auto& a : apps_) {
    if (a.phase == Phase::over) continue;
    if (ending_)
      end_before(a, now + grace);
    else
      terminate(a, now + grace);
  }
  ending_ = true;
}

bool MutableApps::idle() const {
  return std::ranges::all_of(apps_, [](const App& a) { return a.phase == Phase::over; });
}

MutableApps::App* MutableApps::find(std::string_view name) {
  const auto it = std::ranges::find_if(apps_, [&](const App& a) { return a.plan.name == name; });
  return it == apps_.end() ? nullptr : &*it;
}

void MutableApps::serve(UniqueFd client) {
  const auto request = receive_request(client.get());
  if (!request) return;
  const auto& [verb, name, argument] = *request;
  try {
    if (verb == "start") return serve_start(name, client);
    if (verb == "stop" || verb == "kill") return serve_stop(*request, std::move(client));
    if (verb == "add") {
      check_startable(plan(name), pod_.dir.sub(app_root(name)));
      send_answer(client.get(), {});
    } else if (verb == "rm") {
      send_answer(client.get(), remove(name));
    } else {
      send_answer(client.get(), {.status = kLaunchFailed, .text = cat("unknown request ", quoted(verb))});
    }
  } catch (const Error& e) {
    send_answer(client.get(), {.status = kLaunchFailed, .text = e.brief()});
  } catch (const std::exception& e) {
    send_answer(client.get(), {.status = kLaunchFailed, .text = e.what()});
  }
}

AppPlan MutableApps::plan(const std::string& name) const {
  const Pod pod = load_pod(LoadPod::may_be_empty);
  const auto app = std::ranges::find_if(pod.apps, [&](const PodApp& a) { return a.name() == name; });
  if (app == pod.apps.end()) throw Error(Errc::not_found, cat("nonexistent app ", quoted(name)));
  AppPlan out =
      plan_app(pod, *app, pod_.options, [&](std::string_view text) { pod_.relay.note(cat("stage1: ", text)); });
  if (out.fault) throw Error(Errc::invalid, out.fault->text);
  make_backing(pod, out, true);
  return out;
}

void MutableApps::serve_start(const std::string& name, UniqueFd& client) {
  if (App* before = find(name)) {
    if (before->phase != Phase::over) throw Error(Errc::busy, cat("app ", quoted(name), " is already running"));
    apps_.remove_if([&](const App& a) { return &a == before; });
  }
  if (ending_) throw Error(Errc::busy, "the pod is ending");
  App& app = apps_.emplace_back();
  try {
    app.plan = plan(name);
    app.plan.has_hosts = has_hosts_.try_emplace(name, app.plan.has_hosts).first->second;
    check_separation(app.plan);
    check_devices(app.plan, pod_.cgroups);
    app.restarts = Restarts(app.plan.restart);
    app.sockets =
        std::move(give_sockets({}, {app.plan.sockets}, socket_network(pod_.options), [&](std::string_view text) {
                    pod_.relay.note(cat("stage1: ", text));
                  }).front());
    if (app.plan.notifies) {
      const FileLabel label(app.plan.file_context);
      app.notify = NotifySocket::make(pod_.dir, name);
    }
    app.mounts = pod_.plan_mounts(app.plan);
    app.group = pod_.cgroups.app(name, app.plan.limits);
    if (app.plan.restarts() && !app.plan.own_processes && !app.group.tracks()) throw no_restarts();
    app.stream = ++streams_;
    app.stdio = make_stdio(app.plan, {.relay = pod_.relay,
                                      .pod = pod_.dir,
                                      .index = app.stream,
                                      .lines = true,
                                      .devpts = open_terminals("stage1/rootfs")});
  } catch (const Error&) {
    apps_.pop_back();
    throw;
  }
  app.asked_start.push_back(std::move(client));
  app.restarts.started(Clock::now());
  advance(app);
}

// Who has ended may have left somebody where nothing tells what is whose.
void MutableApps::check_separation(const AppPlan& next) const {
  if (!pod_.options.restrictions.capabilities) return;
  std::vector<const AppPlan*> running{&next};
  for (const auto& a : apps_)
    if (a.phase != Phase::over) running.push_back(&a.plan);
  check_apart(running);
  if (next.own_processes && spy_lingers_)
    throw Error(Errc::unsupported,
                "an app with CAP_SYS_PTRACE has run in the pod's pid namespace, and may have left processes");
}

void MutableApps::serve_stop(const ControlRequest& request, UniqueFd client) {
  App* app = find(request.app);
  if (app == nullptr || app->phase == Phase::over)
    return send_answer(client.get(),
                       {.status = kNotRunning, .text = cat("app ", quoted(request.app), " is not running")});
  app->asked_stop.push_back(std::move(client));
  if (request.verb == "kill") {
    app->stopping = true;
    return app->phase == Phase::waiting ? finish(*app) : kill(*app);
  }
  const auto ms = parse_int<std::int32_t>(request.argument);
  terminate(*app, Clock::now() + (ms && *ms >= 0 ? std::chrono::milliseconds(*ms) : Shutdown::kGrace));
}

ControlAnswer MutableApps::remove(const std::string& name) {
  App* app = find(name);
  if (app != nullptr && app->phase != Phase::over)
    throw Error(Errc::busy, cat("app ", quoted(name), " is still running"));
  apps_.remove_if([&](const App& a) { return &a == app; });
  has_hosts_.erase(name);
  pod_.cgroups.remove_app(name);
  if (const auto dir = pod_.dir.find_sub("notify")) dir->unlink(name);
  return {};
}

void MutableApps::end_before(App& app, Time when) { app.kill_at = std::min(app.kill_at.value_or(when), when); }

void MutableApps::terminate(App& app, Time kill_at) {
  end_before(app, kill_at);
  app.stopping = true;
  if (app.phase == Phase::waiting) return finish(app);
  // As in supervisor.h: everybody, or the main process alone when it wants another signal.
  const int signal = app.phase == Phase::main && app.process ? app.plan.stop_signal : SIGTERM;
  if (signal == SIGTERM) app.group.signal(SIGTERM);
  if (!app.process) return;
  // Also where there are no cgroups.
  (void)::syscall(SYS_pidfd_send_signal, app.process.get(), signal, nullptr, 0);
  (void)::syscall(SYS_pidfd_send_signal, app.process.get(), SIGCONT, nullptr, 0);
}

const std::vector<std::string>& MutableApps::argv(const App& app) const {
  if (app.phase == Phase::pre_start) return app.plan.pre_start[app.handler];
  if (app.phase == Phase::post_stop) return app.plan.post_stop[app.handler];
  return app.plan.argv;
}

// Starts what comes next in the app's life; what cannot be started counts as ended, and the next thing is tried.
void MutableApps::advance(App& app) {
  for (;;) {
    if (app.phase == Phase::pre_start && app.handler == app.plan.pre_start.size()) app.phase = Phase::main;
    if (app.phase == Phase::post_stop && (app.killed || app.handler == app.plan.post_stop.size())) return finish(app);
    if (launch(app)) return;
    if (app.phase != Phase::post_stop) app.status = kLaunchFailed;
    app.handler = app.phase == Phase::post_stop ? app.handler + 1 : 0;
    app.phase = Phase::post_stop;
  }
}

bool MutableApps::launch(App& app) {
  try {
    Pipe errors = Pipe::make();
    app.fault.slot(0) = {};
    NewProcess starter = clone_process(CLONE_NEWNS, app.group.entry().into);
    if (starter.pid == 0) {
      pod_.relay.give_up();
      run_starter({.plan = app.plan,
                   .mounts = app.mounts,
                   .process_context = pod_.options.restrictions.selinux.process,
                   .argv = argv(app),
                   .main = app.phase == Phase::main,
                   .sockets = app.sockets,
                   .parent = pod_.self.get(),
                   .init = pod_.init,
                   .stdio = app.stdio,
                   .errors = errors.write_end.get(),
                   .entry = app.group.entry()},
                  app.fault.slot(0));
    }
    app.starter = std::move(starter.pidfd);
    app.starter_pid = starter.pid;
    app.errors = std::move(errors.read_end);
    return true;
  } catch (const Error& e) {
    say(app, e.brief());
    set_hopeless(app, e.sys_errno());
    return false;
  }
}

void MutableApps::starter_ended(App& app) {
  siginfo_t info{};
  ::waitid(P_PIDFD, static_cast<id_t>(app.starter.get()), &info, WEXITED);
  app.starter.reset();
  app.starter_pid = 0;
  const AppFault& fault = app.fault.slot(0);
  const std::string error = read_line(app.errors.get());
  app.errors.reset();
  strays_ = true;
  const pid_t inside = find_inside(app);
  if (auto process = is_new_process(inside) ? open_pidfd(inside) : std::nullopt) {
    app.process = std::move(*process);
    app.pid = inside;
    if (app.phase != Phase::main) return;
    const int pid = pid_in_pod(pod_.init_pid, inside);
    pod_.relay.set_pid(app.stream, pid);
    pod_.record.started(app.plan, pid);
    if (!app.notify) answer_all(app.asked_start, {});
    return;
  }
  const bool step_failed = fault.step != AppStep::none;
  const std::string why = !error.empty() ? error
                          : step_failed  ? fault_text(fault)
                                         : std::string("it was killed while it started");
  say(app, why);
  if (step_failed || !error.empty()) set_hopeless(app, fault.err);
  if (app.phase == Phase::main && !app.asked_start.empty()) app.hopeless = true;
  if (app.phase == Phase::main) answer_all(app.asked_start, {.status = kLaunchFailed, .text = why});
  step_over(app, step_failed ? status_of(fault.step) : kLaunchFailed);
}

// The field of the record is read once: see is_own_child().
pid_t MutableApps::find_inside(const App& app) const {
  const pid_t inside = app.fault.slot(0).inside;
  if (!app.plan.own_processes) return inside;
  const auto process = find_in_pod(pod_.init_pid, inside);
  return process ? process->pid : 0;
}

// What a starter made in the pod is a child of this process. Of some nobody is told: of who is between starter and app,
// and of what was made right before the starter was killed, by whomever. Such a one may execute an app that counts as
// ended, and pid 1 of the pod does not end before it is reaped.
void MutableApps::end_strays() {
  if (!strays_ || std::ranges::any_of(apps_, [](const App& a) { return bool(a.starter); })) return;
  strays_ = false;
  for (const pid_t pid : own_children()) {
    if (!is_new_process(pid) || pid_in_pod(pod_.init_pid, pid) == 0) continue;
    ::kill(pid, SIGKILL);  // it is not reaped, so nobody else has its number
    if (::waitpid(pid, nullptr, WNOHANG) != pid) strays_ = true;
  }
}

// As in supervisor.cc.
void MutableApps::set_hopeless(App& app, int err) {
  if (app.phase != Phase::post_stop && fails_again(err)) app.hopeless = true;
}

// A child of ours that is neither pid 1 of the pod nor known already.
bool MutableApps::is_new_process(pid_t pid) const {
  if (!is_own_child(pid) || pid == pod_.init_pid) return false;
  return std::ranges::none_of(apps_, [&](const App& a) { return (a.process && a.pid == pid) || a.starter_pid == pid; });
}

void MutableApps::process_ended(App& app) {
  siginfo_t info{};
  ::waitid(P_PIDFD, static_cast<id_t>(app.process.get()), &info, WEXITED);
  app.process.reset();
  const bool exited = info.si_code == CLD_EXITED;
  int status = ExitStatus{.code = exited ? info.si_status : 0, .signal = exited ? 0 : info.si_status}.shell();
  const AppFault& fault = app.fault.slot(0);
  if (fault.step != AppStep::none) {  // it never executed anything
    status = status_of(fault.step);
    set_hopeless(app, fault.err);
    const DirFd root = pod_.dir.sub(app_root(app.plan.name));
    say(app, fault.step == AppStep::exec
                 ? cat(quoted(argv(app).front()),
                       " could not be executed: ", diagnose_exec(root, argv(app).front(), fault.err))
                 : fault_text(fault));
  }
  step_over(app, status);
}

// One process of the app's life is over.
void MutableApps::step_over(App& app, int status) {
  switch (app.phase) {
    case Phase::pre_start:
      ++app.handler;
      if (status == 0 && !app.stopping) break;
      [[fallthrough]];
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
  advance(app);
}

void MutableApps::finish(App& app) {
  if (restart_later(app)) return;
  app.phase = Phase::over;
  app.start_at.reset();
  app.stdio = {};
  app.notify.reset();
  pod_.relay.attachments().app_ended(app.stream);
  app.kill_at.reset();
  pod_.record.oom_killed(app.plan.name, pod_.cgroups.oom_kills(app.plan.name));
  pod_.record.ended(app.plan.name, app.status);
  const bool gone = kill_leftovers(app, &cgroup::Group::kill_all) && app.group.tracks();
  spy_lingers_ = spy_lingers_ || (app.plan.looks_at_pod() && !app.plan.own_processes && !gone);
  answer_all(app.asked_start, {.status = kLaunchFailed, .text = "it ended before it had started"});
  answer_all(app.asked_stop, {});
}

// An app that was asked to end, or whose start somebody still waits for, is not.
bool MutableApps::restart_later(App& app) {
  if (app.hopeless || app.stopping || ending_ || !app.asked_start.empty()) return false;
  const auto now = Clock::now();
  const auto delay = app.restarts.ended(app.status, now);
  if (!delay) return false;
  app.phase = Phase::waiting;
  app.start_at = now + *delay;
  pod_.record.restarts(app.plan.name, app.restarts.count());
  kill_leftovers(app, &cgroup::Group::empty);
  return true;
}

bool MutableApps::kill_leftovers(const App& app, void (cgroup::Group::*kill)() const) {
  try {
    (app.group.*kill)();
    return true;
  } catch (const Error& e) {
    say(app, e.brief());
    return false;
  }
}

void MutableApps::say(const App& app, std::string_view text) {
  pod_.relay.note(cat("stage1: app ", quoted(app.plan.name), ": ", text));
}

}  // namespace rkt::native
