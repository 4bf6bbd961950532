// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/mutable_apps.h"

#include <signal.h>
#include <sys/wait.h>

#include <algorithm>

#include "base/error.h"
#include "base/scope.h"
#include "base/strings.h"
#include "stage1/native/running.h"
#include "stage1/native/shutdown.h"
#include "stage1/native/startable.h"

namespace rkt::native {
namespace {

constexpr auto kStrayDelay = std::chrono::milliseconds(10);

}  // namespace

MutableApps::MutableApps(MutablePod pod) : pod_(std::move(pod)), control_(pod_.dir, kControlSocket) {}

void MutableApps::watch(std::vector<pollfd>& events, Time now) const {
  control_.watch(events);
  for (const auto& a : apps_) a.watch(events, now);
}

void MutableApps::handle(std::span<const pollfd> events, Time now) {
  for (auto& a : apps_) strays_ = a.handle(events, now) || strays_;
  for (auto& [request, client] : control_.take(events)) {
    try {
      serve(request, client);
    } catch (const Error& e) {
      send_answer(client.get(), {.status = kLaunchFailed, .text = e.brief()});
    } catch (const std::exception& e) {
      send_answer(client.get(), {.status = kLaunchFailed, .text = e.what()});
    }
  }
}

Deadline MutableApps::deadline(Time now) const {
  Deadline out = strays_ ? Deadline(now + kStrayDelay) : std::nullopt;
  for (const auto& a : apps_) out = earlier(out, a.deadline(now));
  return out;
}

void MutableApps::time_passed(Time now) {
  for (auto& a : apps_) a.time_passed(now);
  end_strays();
}

void MutableApps::stop_all(Time now, std::chrono::milliseconds grace) {
  for (auto& a : apps_) {
    if (a.over()) continue;
    if (ending_)
      a.end_before(now + grace);
    else
      a.terminate(now + grace);
  }
  ending_ = true;
}

bool MutableApps::idle() const { return std::ranges::all_of(apps_, &MutableApp::over); }

MutableApp* MutableApps::find(std::string_view name) {
  const auto it = std::ranges::find_if(apps_, [&](const MutableApp& a) { return a.plan().name == name; });
  return it == apps_.end() ? nullptr : &*it;
}

void MutableApps::forget(const MutableApp* app) {
  spy_lingers_ = spy_lingers_ || (app != nullptr && app->spy_lingers());
  apps_.remove_if([&](const MutableApp& a) { return &a == app; });
}

void MutableApps::serve(const ControlRequest& request, UniqueFd& client) {
  const auto& [verb, name, argument] = request;
  if (verb == "start") return start(name, client);
  if (verb == "stop" || verb == "kill") return stop(request, std::move(client));
  std::string warnings;
  if (verb == "add")
    warnings = add(name);
  else if (verb == "rm")
    remove(name);
  else
    throw Error(Errc::usage, cat("unknown request ", quoted(verb)));
  send_answer(client.get(), {.status = 0, .text = warnings});
}

std::string MutableApps::add(const std::string& name) {
  std::vector<std::string> found;
  check_startable(plan(name, [&](std::string_view text) { found.emplace_back(text); }), pod_.dir.sub(app_root(name)));
  return rkt::join(warnings_[name] = std::move(found), "\n");
}

AppPlan MutableApps::plan(const std::string& name, const Warn& warn) const {
  const Pod pod = load_pod(LoadPod::may_be_empty);
  const auto app = std::ranges::find_if(pod.apps, [&](const PodApp& a) { return a.name() == name; });
  if (app == pod.apps.end()) throw no_such_app(name);
  AppPlan out = plan_app(pod, *app, pod_.options, warn);
  if (out.fault) throw Error(Errc::invalid, out.fault->text);
  check_kubernetes_logs(pod);
  return out;
}

// The client waits, unless this throws.
void MutableApps::start(const std::string& name, UniqueFd& client) {
  const MutableApp* before = find(name);
  if (before != nullptr && !before->over()) throw Error(Errc::busy, cat("app ", quoted(name), " is already running"));
  forget(before);
  if (ending_) throw Error(Errc::busy, "the pod is ending");
  std::vector<std::string> said = warnings_[name], news;
  const Warn warn = [&](std::string_view text) {
    if (std::ranges::find(said, text) != said.end()) return;
    said.emplace_back(text);
    news.emplace_back(text);
  };
  AppPlan next = plan(name, warn);
  next.has_hosts = has_hosts_.try_emplace(name, next.has_hosts).first->second;
  check_separation(next);
  ScopeExit forget_streams([&] { pod_.relay.app_ended(streams_); });
  const auto known = [this](pid_t pid) { return is_known(pid); };
  MutableApp& app = apps_.emplace_back(pod_, std::move(next), ++streams_, known, warn);
  forget_streams.release();
  warnings_[name] = std::move(said);
  app.start(std::move(client), rkt::join(news, "\n"));
}

// Who has ended may have left somebody where nothing tells what is whose.
void MutableApps::check_separation(const AppPlan& next) const {
  if (!pod_.options.restrictions.capabilities) return;
  std::vector<const AppPlan*> running{&next};
  for (const auto& a : apps_)
    if (!a.over()) running.push_back(&a.plan());
  check_apart(running);
  if (next.own_processes && (spy_lingers_ || std::ranges::any_of(apps_, &MutableApp::spy_lingers)))
    throw Error(Errc::unsupported,
                "an app with CAP_SYS_PTRACE has run in the pod's pid namespace, and may have left processes");
}

void MutableApps::stop(const ControlRequest& request, UniqueFd client) {
  MutableApp* app = find(request.app);
  if (app == nullptr || app->over())
    return send_answer(client.get(),
                       {.status = kNotRunning, .text = cat("app ", quoted(request.app), " is not running")});
  app->await_end(std::move(client));
  if (request.verb == "kill") return app->kill();
  const auto ms = parse_int<std::int32_t>(request.argument);
  app->terminate(std::chrono::steady_clock::now() +
                 (ms && *ms >= 0 ? std::chrono::milliseconds(*ms) : Shutdown::kGrace));
}

void MutableApps::remove(const std::string& name) {
  const MutableApp* app = find(name);
  if (app != nullptr && !app->over()) throw Error(Errc::busy, cat("app ", quoted(name), " is still running"));
  forget(app);
  has_hosts_.erase(name);
  warnings_.erase(name);
  pod_.cgroups.remove_app(name);
  if (const auto dir = pod_.dir.find_sub("notify")) dir->unlink(name);
}

bool MutableApps::is_known(pid_t pid) const {
  return std::ranges::any_of(apps_, [&](const MutableApp& a) { return a.has(pid); });
}

// What a starter made in the pod is a child of this process. Of some nobody is told: of who is between starter and app,
// and of what was made right before the starter was killed, by whomever. Such a one may execute an app that counts as
// ended, and pid 1 of the pod does not end before it is reaped.
void MutableApps::end_strays() {
  if (!strays_ || std::ranges::any_of(apps_, &MutableApp::starting)) return;
  strays_ = false;
  for (const pid_t pid : own_children()) {
    if (pid == pod_.init_pid || is_known(pid) || pid_in_pod(pod_.init_pid, pid) == 0) continue;
    ::kill(pid, SIGKILL);  // it is not reaped, so nobody else has its number
    if (::waitpid(pid, nullptr, WNOHANG) != pid) strays_ = true;
  }
}

}  // namespace rkt::native
