// SPDX-License-Identifier: Apache-2.0
// enter: a command beside a running app, as its user and confined by all that confines it: its namespaces, cgroups,
// capability bounding set, seccomp filter and no_new_privs.
//
//   program sealed -> pod's processes found -> outer's mounts joined: there S1 is what `run` saw -> manifest, cgroups
//   -> app's process found -> its namespaces joined -> streams -> command started -> copying until it ends
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "cgroup/manager.h"
#include "stage1/common/exec_flaw.h"
#include "stage1/common/lookup.h"
#include "stage1/native/commands.h"
#include "stage1/native/debug_root.h"
#include "stage1/native/launch.h"
#include "stage1/native/outer.h"
#include "stage1/native/running.h"
#include "stage1/native/sealed.h"
#include "stage1/native/state.h"
#include "sys/file.h"
#include "sys/ns.h"
#include "sys/pty.h"
#include "sys/rootless.h"

namespace rkt::native {
namespace {

constexpr int kLastRounds = 64;  // of 16 KiB: more than a pipe holds
// Not the pid namespace: this process and its first child stay out of the app's sight (app_child.h). Nor that of
// cgroups: from within, nobody can be born in the app's cgroup (ns.h).
constexpr int kAppNamespaces = CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET;

std::string working_directory() {
  std::array<char, 4096> cwd{};
  if (::getcwd(cwd.data(), cwd.size()) == nullptr) throw Error::from_errno("find the pod's directory");
  return cwd.data();
}

Error not_running(const std::string& app) {
  return Error(Errc::not_found, cat("app ", quoted(app), " is not running"));
}

// What is needed of the app before its namespaces are joined.
struct Target {
  AppPlan plan;
  stage1::ProcessLimits limits;
  UniqueFd process, init;  // the app's, and process 1 of the pod
  cgroup::Group group;
  SelinuxContexts selinux;
};

Target find_target(const EnterOptions& options, const std::string& path) {
  const Pod pod = load_pod(LoadPod::may_be_empty);
  const auto app = std::ranges::find_if(pod.apps, [&](const PodApp& a) { return a.name() == options.app; });
  if (app == pod.apps.end()) throw Error(Errc::not_found, cat("no app ", quoted(options.app), " in the pod"));
  const auto state = load_state(pod.dir);
  const auto* running = state ? state->find(options.app) : nullptr;
  if (running == nullptr) throw not_running(options.app);
  const auto uuid = Uuid::parse(std::string_view(path).substr(path.rfind('/') + 1));
  if (!uuid) throw Error(Errc::usage, cat(quoted(path), " is no directory of a pod"));
  auto group = cgroup::PodCgroups::open(*uuid, find_file_text(pod.dir, "cgroups").value_or("")).find_app(options.app);
  auto process = find_in_pod(options.pid, running->pid);
  // Also when the app has ended and its number was given away, what is in its cgroup is confined as it was.
  if (!process || (group && !group->contains(process->pid))) throw not_running(options.app);
  if (!group && !find_file_text(pod.dir, "subcgroup").value_or("").empty())
    throw Error(Errc::system, cat("the cgroup of app ", quoted(options.app), " is gone"));
  const auto users = IdRange::parse(trim(find_file_text(pod.dir, "private-users-prepared", 64).value_or("")));
  Target out{.plan = plan_enter(*app, *running, state->restrictions, users, [](std::string_view) {}),
             .limits = state->limits,
             .process = std::move(process->fd),
             .group = group ? std::move(*group) : cgroup::Group(),
             .selinux = state->restrictions.selinux};
  if (!options.user.empty()) change_user(out.plan, pod.stage1.sub(app_root_in_stage1(options.app)), options.user);
  if (const auto url = find_file_text(pod.dir, kMetadataUrl)) set_variable(out.plan.env, "AC_METADATA_URL", *url);
  set_variable(out.plan.env, "TERM", terminal_type());
  out.plan.directory = "/";
  return out;
}

struct Streams {
  UniqueFd in, out, err;
  bool terminal = false;
};

// The caller's own descriptors stay outside: who is root in the pod could open them again through /proc.
Streams make_streams(Relay& relay, const AppPlan& app) {
  Streams s;
  const FileOwner files(app.users ? app.users->shift : 0);
  if (is_terminal(STDIN_FILENO) && is_terminal(STDOUT_FILENO)) {
    const UniqueFd pts(::open("/dev/pts", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!pts) throw Error::from_errno("open the app's \"/dev/pts\"");
    Pty pty = Pty::make(pts.get());
    give_terminal(app, pty.slave.get());
    relay.add_terminal(std::move(pty.master));
    s = {.in = dup_fd(pty.slave.get()), .out = dup_fd(pty.slave.get()), .err = std::move(pty.slave), .terminal = true};
    return s;
  }
  Pipe in = Pipe::make(), out = Pipe::make(), err = Pipe::make();
  relay.add_input(std::move(in.write_end));
  relay.add_output(std::move(out.read_end), {.stream = 1});
  relay.add_output(std::move(err.read_end), {.stream = 2});
  for (const int end : {in.read_end.get(), out.write_end.get(), err.write_end.get()}) give_to(app, end);
  return {.in = std::move(in.read_end), .out = std::move(out.write_end), .err = std::move(err.write_end)};
}

void pass_signal(int signals, int process, Relay& relay) {
  signalfd_siginfo info{};
  if (::read(signals, &info, sizeof info) != sizeof info) return;
  const int number = static_cast<int>(info.ssi_signo);
  if (number == SIGWINCH)
    relay.window_changed();
  else
    (void)::syscall(SYS_pidfd_send_signal, process, number, nullptr, 0);
}

int reap(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) throw Error::from_errno("wait for the command");
  return status;
}

// Until the command has ended and what it wrote is copied. What it left running may keep its streams, and write on:
// nobody waits for that. A signal that comes after the end gives up on a reader that does not read. Returns how the
// command ended; it is reaped at once, since the pod cannot end before.
int copy_streams(Relay& relay, int signals, int process, pid_t pid) {
  bool ended = false;
  int status = 0;
  for (int rounds = 0; !ended || rounds < kLastRounds || !relay.flushed(); rounds += ended ? 1 : 0) {
    std::vector<pollfd> events;
    relay.watch(events);
    const std::size_t relayed = events.size();
    events.push_back({signals, POLLIN, 0});
    events.push_back({ended ? -1 : process, POLLIN, 0});
    const int n = ::poll(events.data(), events.size(), ended && relay.flushed() ? 0 : -1);
    if (n < 0 && errno != EINTR) throw Error::from_errno("wait for events");
    if (n == 0) return status;
    if (n < 0) continue;
    relay.handle(std::span<const pollfd>(events).first(relayed));
    if (events[relayed].revents != 0 && ended) return status;
    if (events[relayed].revents != 0) pass_signal(signals, process, relay);
    if (!ended && events[relayed + 1].revents != 0) {
      status = reap(pid);
      ended = true;
    }
    if (ended) relay.end_input();
  }
  return status;
}

// As the command ended: with its code, or by its signal.
int end_like(int status) {
  if (!WIFSIGNALED(status)) return WEXITSTATUS(status);
  const int number = WTERMSIG(status);
  sigset_t all;
  sigfillset(&all);
  ::signal(SIGPIPE, SIG_IGN);  // one of ours may be waiting behind the mask
  ::signal(number, SIG_DFL);
  ::sigprocmask(SIG_UNBLOCK, &all, nullptr);
  ::kill(::getpid(), number);
  return 128 + number;
}

Error failure(const AppFault& fault, const std::string& exe) {
  if (fault.step != AppStep::exec) return Error(Errc::system, fault_text(fault)).exit_with(status_of(fault.step));
  Error e(Errc::system, stage1::exec_flaw_text(fault.finding, exe, fault.err));
  if (fault.err == ENOENT) e.hint("name a program that the app has, or bring one with --debug-image");
  return e.exit_with(status_of(fault.step));
}

// Who ends lets go of its namespaces before its pid namespace, if it is process 1 there, takes nobody in any more.
bool is_ending(const UniqueFd& process) { return ::setns(process.get(), CLONE_NEWUTS) < 0 && errno == ESRCH; }

// Of what launch() threw, why.
Error launch_failure(Error e, const Target& target) {
  if (e.sys_errno() == EAGAIN)
    return e.hint(
        "the app or the pod has as many processes as isolator resource/pids allows, or the user as many as "
        "the limit that the pod was started with (ulimit -u)");
  if (e.sys_errno() == EACCES)  // root is let in anywhere
    return e.hint(
        "a user gets into a pod's cgroup only from another one below what is delegated to him: use `systemd-run --user "
        "--scope rkt enter ...`");
  if (e.sys_errno() != ENOMEM) return e;
  if (is_ending(target.process) || is_ending(target.init)) return not_running(target.plan.name);
  return e.hint("there is no memory left, or none within the limits of the app");
}

int run_command(Target& target, Relay& relay, const DirFd& proc, std::vector<std::string> argv) {
  const DirFd root = DirFd::open("/");
  std::string search;
  for (const auto& v : target.plan.env)
    if (v.starts_with("PATH=")) search = v.substr(5);
  argv.front() = stage1::find_executable(root, argv.front(), &search, "/");
  const UniqueFd signals = take_signals();
  Streams streams = make_streams(relay, target.plan);
  const FaultPage faults(1);
  const AppFault& fault = faults.slot(0);
  const UniqueFd oom_score = target.plan.users ? open_oom_score(proc.get()) : UniqueFd();
  const stage1::ProcessLimits limits = stage1::within_reach(target.limits);
  const LaunchRequest request{.argv = argv,
                              .env = target.plan.env,
                              .directory = target.plan.directory,
                              .root = "",
                              .uid = target.plan.uid,
                              .gid = target.plan.gid,
                              .groups = target.plan.groups,
                              .confinement = target.plan.confinement,
                              .oom_score = target.plan.oom_score ? &*target.plan.oom_score : nullptr,
                              .proc = proc.get(),
                              .own_oom_score = oom_score.get(),
                              .limits = &limits,
                              .entry = target.group.entry(),
                              .stdio = {streams.in.get(), streams.out.get(), streams.err.get()},
                              .controlling_terminal = streams.terminal,
                              .cgroup_namespace = target.process.get(),
                              .user_namespace = target.plan.users.has_value(),
                              .pid_namespace = target.process.get()};
  pid_t pid = -1;
  try {
    pid = launch(request, faults.slot(0));
  } catch (const Error& e) {
    if (fault.step == AppStep::exec) throw failure(fault, argv.front());
    throw launch_failure(e, target);
  }
  const auto process = open_pidfd(pid);
  streams = {};
  if (!process) throw Error(Errc::system, "the command cannot be found");
  relay.end_on_failure();
  const int status = copy_streams(relay, signals.get(), process->get(), pid);
  if (fault.step == AppStep::none) {
    relay.check_written();
    return end_like(status);
  }
  throw failure(fault, argv.front());
}

}  // namespace

int enter(const std::vector<std::string>& args) {
  const EnterOptions options = parse_enter(args);
  if (options.app.empty())
    throw Error(Errc::unsupported, "--appname is needed: this stage1 is nothing to enter by itself");
  seal_program(UniqueFd(options.own_root), "enter", args);
  (void)known_ids();  // while /proc is the host's
  become_unreadable();
  const std::string path = working_directory();
  RunningPod pod = RunningPod::find(DirFd::open("."), options.pid);
  // Both need the host's /proc: in the app's mounts the image decides what is found there.
  Relay relay;
  const DirFd proc = DirFd::open("/proc");
  join_namespaces(pod.outer.get(), CLONE_NEWNS);
  if (::chdir(path.c_str()) < 0) throw Error::from_errno(cat("change to ", quoted(path)));
  Target target = find_target(options, path);
  target.init = std::move(pod.init);
  label_new(NewObject::key, target.selinux.process);
  leave_session_keyring();
  join_namespaces(target.process.get(), kAppNamespaces);
  if (options.debug_root >= 0) {
    take_debug_root(UniqueFd(options.debug_root), target.selinux.files);
    target.plan.env = options.debug_environment;
  }
  return run_command(target, relay, proc, options.command);
}

}  // namespace rkt::native
