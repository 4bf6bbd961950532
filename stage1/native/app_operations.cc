// SPDX-License-Identifier: Apache-2.0
// app_add, app_start, app_stop, app_rm: requests to the outer process of a mutable pod.
#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "stage1/native/backing.h"
#include "stage1/native/commands.h"
#include "stage1/native/control.h"
#include "stage1/native/options.h"
#include "sys/fd_path.h"
#include "sys/file.h"

namespace rkt::native {
namespace {

// That its apps come and go says a pod's manifest, which may be somebody else's word (`rkt run --pod-manifest`).
DirFd open_mutable_pod() {
  DirFd pod = DirFd::open(".");
  if (pod.exists(kControlSocket)) return pod;
  const std::string path = path_of_fd(pod.get(), "find the pod's directory");
  throw Error(Errc::unsupported, cat("pod ", quoted(path.substr(path.rfind('/') + 1)),
                                     " was started with all its apps, whatever its manifest says of itself"))
      .hint("apps come and go in a pod of: rkt app sandbox");
}

}  // namespace

int operate(const std::string& verb, const std::vector<std::string>& args) {
  const AppOptions options = parse_app(args);
  log::set_debug(options.debug);
  if (verb != "stop" && (options.force || options.grace))
    throw Error(Errc::usage, "--force and --grace are for app_stop");
  // Stage0's, of the apps of the pod: one that says late or never that it is ready holds nobody up.
  UniqueFd lock(parse_int<int>(env("RKT_APPS_LOCK_FD").value_or("")).value_or(-1));
  if (verb == "start") make_added_backing(options.app);
  const ControlAnswer answer = ask(open_mutable_pod(),
                                   {.verb = options.force ? "kill" : verb,
                                    .app = options.app,
                                    .argument = options.grace ? cat(options.grace->count()) : ""},
                                   std::move(lock));
  if (answer.status != 0) throw Error(Errc::system, answer.text).exit_with(answer.status);
  if (verb == "add") make_added_backing(options.app);  // last: not for what cannot start
  for (const auto warning : split(answer.text, '\n'))
    if (!warning.empty()) log::note("stage1", warning);
  return 0;
}

}  // namespace rkt::native
