// SPDX-License-Identifier: Apache-2.0
// run: mounts, name files, pid files, and then the app in place of this process, so that its end is rkt's end.
#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "schema/appc/environment.h"
#include "stage1/common/inherited.h"
#include "stage1/common/links.h"
#include "stage1/common/lookup.h"
#include "stage1/fly/commands.h"
#include "stage1/fly/empty_volumes.h"
#include "stage1/fly/limits.h"
#include "stage1/fly/mounts.h"
#include "stage1/fly/options.h"
#include "stage1/fly/plan.h"
#include "stage1/fly/pod.h"
#include "stage1/fly/process.h"
#include "stage1/fly/unheeded.h"
#include "sys/exec.h"
#include "sys/file.h"
#include "sys/pty.h"
#include "sys/rootless.h"

namespace rkt::fly {
namespace {

constexpr int kMostSockets = 1024;
constexpr const char* kHostsStub = "127.0.0.1 localhost localdomain\n";

// The mount namespace that rkt was called in, from a stage0 that tells.
UniqueFd host_mounts() {
  const auto fd = parse_int<int>(env("RKT_HOST_MOUNTS_FD").value_or(""));
  return fd && *fd >= 3 ? UniqueFd(*fd) : UniqueFd();
}

// This process becomes the app, so that what names it stays true.
std::vector<std::string> with_sockets(std::vector<std::string> environment, unsigned sockets) {
  if (sockets == 0) return environment;
  std::erase_if(environment, [](const std::string& v) { return v.starts_with("LISTEN_"); });
  environment.push_back(cat("LISTEN_PID=", ::getpid()));
  environment.push_back(cat("LISTEN_FDS=", sockets));
  if (const auto names = env("LISTEN_FDNAMES")) environment.push_back(cat("LISTEN_FDNAMES=", *names));
  return environment;
}

// It has the caller's streams. Full-screen programs refuse to start without the name of their terminal.
void name_terminal(std::vector<std::string>& environment) {
  const auto named = [](const std::string& v) { return v.starts_with("TERM="); };
  if (is_terminal(STDIN_FILENO) && std::ranges::none_of(environment, named))
    environment.push_back(cat("TERM=", terminal_type()));
}

// Nothing of the caller's reaches the app but the standard streams, the pod's lock and those sockets.
void close_strays(int lock, unsigned sockets) {
  const unsigned first = stage1::kFirstPassed + sockets;
  const auto keep = static_cast<unsigned>(lock);
  const std::array<std::pair<unsigned, unsigned>, 2> ranges = {{{first, keep - 1}, {std::max(first, keep + 1), ~0U}}};
  for (const auto& [from, to] : ranges)
    if (from <= to && ::syscall(SYS_close_range, from, to, CLOSE_RANGE_CLOEXEC) < 0)
      throw Error::from_errno("close inherited descriptors");
  keep_across_exec(lock);
}

void make_mounts(const FlyPod& pod, AppMounts& mounts) {
  std::array<char, 4096> cwd{};
  if (::getcwd(cwd.data(), cwd.size()) == nullptr) throw Error::from_errno("find the pod's directory");
  const auto plan =
      in_context([] { return "can't evaluate mounts"; },
                 [&] {
                   return plan_mounts(pod.app(), pod.exec_spec().mount_points, pod.manifest.volumes, cwd.data(),
                                      [&](const std::string& path) { return stage1::resolve_links(pod.root, path); });
                 });
  make_empty_volumes(pod, cwd.data(), plan);
  mounts.apply(plan);
}

void say_what_is_missing(const FlyPod& pod) {
  auto names = find_unheeded(pod);
  if (env("NOTIFY_SOCKET")) names.insert("NOTIFY_SOCKET");
  for (const auto& name : names) log::note("run", cat("Warning: ", name, " not supported by fly; ignoring"));
}

void make_name_files(const FlyPod& pod, const RunOptions& options, AppMounts& mounts) {
  using stage1::HostsMode, stage1::ResolvMode;
  const auto [resolv, hosts] = options.names;
  if (resolv == ResolvMode::host)
    mounts.bind({.source = "/etc/resolv.conf", .target = "/etc/resolv.conf", .read_only = true});
  if (resolv == ResolvMode::stage0)
    replace_file(pod.root, "/etc", "resolv.conf", read_file(pod.stage1, "etc/rkt-resolv.conf"));
  if (hosts == HostsMode::host) mounts.bind({.source = "/etc/hosts", .target = "/etc/hosts", .read_only = true});
  if (hosts == HostsMode::stage0)
    mounts.bind({.source = "stage1/rootfs/etc/rkt-hosts", .target = "/etc/hosts", .read_only = true});
  if (hosts == HostsMode::from_image && !pod.root.find_in_root("/etc/hosts", O_PATH | O_NOFOLLOW))
    replace_file(pod.root, "/etc", "hosts", kHostsStub);
}

void write_state_file(const DirFd& dir, const char* name, std::string_view text) {
  AtomicFile file(dir, name, 0644);
  write_all(file.fd(), text, name);
  file.commit(AtomicFile::Sync::no);
}

// Nobody supervises the app: whoever waits for that (`status --wait-ready`) waits for the app.
void say_ready(const FlyPod& pod) {
  if (::symlinkat("ready", pod.stage1.get(), "rkt/supervisor-status") < 0 && errno != EEXIST)
    throw Error::from_errno("say that the pod is ready");
}

[[noreturn]] void execute(const FlyPod& pod, const Credentials& who, const std::vector<std::string>& argv,
                          const std::vector<std::string>& envp) {
  const std::string cwd = pod.exec_spec().working_directory.empty() ? "/" : pod.exec_spec().working_directory;
  const auto doing = [&] { return cat("change to the working directory ", quoted(cwd)); };
  // From outside: below /proc an image's path could lead out of the root again.
  const UniqueFd place = in_context(doing, [&] { return pod.root.open_in_root(cwd, O_PATH | O_DIRECTORY); });
  if (::fchdir(pod.root.get()) < 0 || ::chroot(".") < 0) throw Error::from_errno("enter the app's root");
  if (::fchdir(place.get()) < 0) throw Error::from_errno(doing());
  take_credentials(who);
  ::execve(argv.front().c_str(), ExecStrings(argv).get(), ExecStrings(envp).get());
  const int err = errno;
  throw Error(Errc::system, cat(quoted(argv.front()),
                                " could not be executed: ", stage1::diagnose_exec(pod.root, argv.front(), err)));
}

}  // namespace

int run(const std::vector<std::string>& args) {
  const RunOptions options = parse_run(args);
  const mode_t mask = ::umask(0);  // modes are meant as they are written; the app gets its own back
  log::set_debug(options.debug);
  for (const auto& name : options.ignored) log::note("run", cat("Warning: -", name, " not supported; ignoring"));
  (void)known_ids();  // while /proc is the host's
  const int lock = stage1::inherited_lock();
  const FlyPod pod = load_pod();
  const appc::App& spec = pod.exec_spec();
  if (spec.exec.empty())
    throw Error(Errc::invalid,
                cat("image ", quoted(pod.app().image_name), " has an empty \"exec\" (try --exec=BINARY)"));
  say_what_is_missing(pod);
  const UniqueFd host = host_mounts();
  AppMounts mounts(pod.root, host.get());
  make_mounts(pod, mounts);
  make_name_files(pod, options, mounts);
  const Credentials who = credentials_of(pod);
  const auto environment = appc::compose_environment(spec.environment);
  pod.stage1.make_path_in_root("rkt/env", 0755);
  write_state_file(pod.stage1, env_file(pod.app().name.str()).c_str(), appc::write_env_file(environment));
  std::vector<std::string> argv = spec.exec;
  argv.front() = in_context([&] { return cat("can't find the absolute executable for ", quoted(spec.exec.front())); },
                            [&] {
                              return stage1::find_executable(pod.root, spec.exec.front(), spec.find_env("PATH"),
                                                             spec.working_directory);
                            });
  save_credentials(pod.dir, who);
  save_limits(pod.dir, stage1::callers_limits());
  save_process(pod.dir, own_process(pod.root));
  write_state_file(pod.dir, "pgid", cat(::getpgrp(), "\n"));  // as the reference; nothing here trusts it
  write_state_file(pod.dir, "pid", cat(::getpid(), "\n"));
  say_ready(pod);
  const auto sockets = static_cast<unsigned>(std::min(stage1::passed_descriptors(), kMostSockets));
  close_strays(lock, sockets);
  auto variables = with_sockets(appc::as_strings(environment), sockets);
  name_terminal(variables);
  ::umask(mask);
  execute(pod, who, argv, variables);
}

}  // namespace rkt::fly
