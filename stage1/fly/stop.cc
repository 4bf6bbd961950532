// SPDX-License-Identifier: Apache-2.0
// stop: a signal to the app, or to its process group when it has gone and left others behind.
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "stage1/fly/commands.h"
#include "stage1/fly/options.h"
#include "sys/file.h"

namespace rkt::fly {
namespace {

pid_t read_number(const DirFd& pod, const char* file) {
  const std::string text = read_file(pod, file, 64);
  const auto n = parse_int<pid_t>(trim(text));
  if (!n || *n <= 1) throw Error(Errc::invalid, cat("the pod's file ", quoted(file), " holds no process ID"));
  return *n;
}

}  // namespace

int stop(const std::vector<std::string>& args) {
  const StopOptions options = parse_stop(args);
  const int signal = options.force ? SIGKILL : SIGTERM;
  const DirFd pod = DirFd::open(".");
  const pid_t pid = read_number(pod, "pid");
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (process && ::syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0) == 0) return 0;
  if (errno != ESRCH) throw Error::from_errno(cat("signal process ", pid));
  const pid_t group = read_number(pod, "pgid");
  if (::kill(-group, signal) < 0) throw Error::from_errno(cat("signal process group ", group));
  return 0;
}

}  // namespace rkt::fly
