// SPDX-License-Identifier: Apache-2.0
// stop: a request to the outer process, or the end of the pod's pid 1 and so of everything in the pod.
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "stage1/native/commands.h"
#include "stage1/native/options.h"
#include "stage1/native/running.h"

namespace rkt::native {
namespace {

void send(const UniqueFd& process, int signal, const Uuid& pod, siginfo_t* info = nullptr) {
  if (::syscall(SYS_pidfd_send_signal, process.get(), signal, info, 0) < 0 && errno != ESRCH)
    throw Error::from_errno(cat("signal pod ", pod.str()));
}

// Says more than the signal alone: take_signal() in outer.cc.
void ask(const UniqueFd& outer, std::chrono::milliseconds grace, const Uuid& pod) {
  siginfo_t info{};
  info.si_signo = SIGTERM;
  info.si_code = SI_QUEUE;
  info.si_pid = ::getpid();
  info.si_uid = ::getuid();
  info.si_value.sival_int = static_cast<int>(grace.count());
  send(outer, SIGTERM, pod, &info);
}

}  // namespace

int stop(const std::vector<std::string>& args) {
  const auto options = stage1::parse_stop(args, true);
  const DirFd dir = DirFd::open(".");
  const RunningPod pod = RunningPod::find(dir, read_init_pid(dir));
  if (options.force)
    send(pod.init, SIGKILL, options.uuid);
  else if (options.grace)
    ask(pod.outer, *options.grace, options.uuid);
  else
    send(pod.outer, SIGTERM, options.uuid);
  send(pod.outer, SIGCONT, options.uuid);  // one that somebody has stopped would end no pod
  return 0;
}

}  // namespace rkt::native
