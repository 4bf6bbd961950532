// SPDX-License-Identifier: Apache-2.0
// enter: a command in the running app's root, with its user, its environment, its limits and its view of the mounts.
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <array>
#include <climits>

#include "base/error.h"
#include "base/strings.h"
#include "schema/appc/environment.h"
#include "stage1/common/exec_flaw.h"
#include "stage1/fly/commands.h"
#include "stage1/fly/limits.h"
#include "stage1/fly/options.h"
#include "stage1/fly/pod.h"
#include "stage1/fly/process.h"
#include "sys/exec.h"
#include "sys/file.h"
#include "sys/pty.h"
#include "sys/rootless.h"

namespace rkt::fly {
namespace {

// Joins the mounts of the app and returns its root. The pod's overlays are attached nowhere else. The process is pinned
// and proven to be the app first. The current directory stays POD.
DirFd join_mounts(int pid) {
  std::array<char, PATH_MAX> pod{};
  if (::getcwd(pod.data(), pod.size()) == nullptr) throw Error::from_errno("find the pod's directory");
  const AppProcess app = load_process(DirFd::open("."));
  const auto process = app.pid == pid ? open_app(app) : std::nullopt;
  if (!process) throw Error(Errc::not_found, cat("process ", pid, " is not the app"));
  UniqueFd root(::open(cat("/proc/", pid, "/root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) throw Error::from_errno(cat("open the root of process ", pid));
  if (!send_signal(*process, 0)) throw Error(Errc::not_found, cat("process ", pid, " has ended"));
  if (::setns(process->get(), CLONE_NEWNS) < 0) throw Error::from_errno(cat("join the mounts of process ", pid));
  if (::chdir(pod.data()) < 0) throw Error::from_errno("return to the pod's directory");
  return DirFd(std::move(root));
}

}  // namespace

int enter(const std::vector<std::string>& args) {
  EnterOptions options = parse_enter(args);
  (void)known_ids();  // while /proc is the host's
  const DirFd root = join_mounts(options.pid);
  const FlyPod pod = load_pod();
  const std::string app = pod.app().name.str();
  if (!options.app.empty() && options.app != app)
    throw Error(Errc::not_found, cat("app ", quoted(options.app), " not found"));
  const Credentials who = options.user.empty() ? load_credentials(pod.dir) : credentials_of(pod, options.user);
  const stage1::ProcessLimits limits = load_limits(pod.dir);
  auto env_list = appc::as_strings(appc::parse_env_file(find_file_text(pod.stage1, env_file(app)).value_or("")));
  std::erase_if(env_list, [](const std::string& v) { return v.starts_with("TERM="); });
  env_list.push_back(cat("TERM=", terminal_type()));
  if (::fchdir(root.get()) < 0 || ::chroot(".") < 0 || ::chdir("/") < 0)
    throw Error::from_errno("enter the app's root");
  const ExecStrings argv(options.command), envp(env_list);  // before there is no room for them
  stage1::take_limits(limits);
  take_credentials(who);
  ::execve(options.command.front().c_str(), argv.get(), envp.get());
  throw Error(Errc::system, stage1::diagnose_exec(root, options.command.front(), errno));
}

}  // namespace rkt::fly
