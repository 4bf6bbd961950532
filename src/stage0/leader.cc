// SPDX-License-Identifier: Apache-2.0
#include "stage0/leader.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "pod/watch.h"
#include "stage0/stage0.h"
#include "sys/file.h"
#include "sys/ns.h"
#include "sys/rootless.h"

namespace rkt::stage0 {
namespace {

std::optional<int> pid_in(const DirFd& pod, const char* name) {
  const auto text = find_file_text(pod, name, 64);
  if (!text) return std::nullopt;
  const auto pid = parse_int<int>(trim(*text));  // half written: not there yet
  return pid && *pid > 0 ? pid : std::nullopt;
}

std::optional<int> find_leader(const DirFd& pod) {
  if (const auto pid = pid_in(pod, "pid")) return pid;
  const auto parent = pid_in(pod, "ppid");
  if (!parent) return std::nullopt;
  const auto task = DirFd::find(cat("/proc/", *parent, "/task/", *parent));
  if (!task) return std::nullopt;
  const auto children = find_file_text(*task, "children");
  return children ? only_child(*children, *parent) : std::nullopt;
}

}  // namespace

std::optional<int> only_child(std::string_view children, int pid) {
  std::optional<int> found;
  for (const auto word : split(trim(children), ' ')) {
    if (word.empty()) continue;
    if (found) throw Error(Errc::invalid, cat("too many children of pid ", pid));
    found = parse_int<int>(word);
  }
  return found;
}

void become_root_for(const pod::Pods& pods, pod::Pod& pod) {
  if (::geteuid() == 0) return;
  if (pod.state() == pod::State::running)
    if (const auto process = open_pidfd(wait_for_leader(pods, pod))) return become_root_beside(process->get());
  (void)become_root_of_own_namespace();
}

int wait_for_leader(const pod::Pods& pods, pod::Pod& pod) {
  // The files' appearance wakes us at once; a child's does not, and neither does the end of a pod without files.
  constexpr int kLookAgainMs = 20;
  if (const auto pid = find_leader(pod.dir())) return *pid;  // closing a watch waits for the kernel, some 20 ms
  const pod::Watch watch;
  watch.add(pod.dir().get(), IN_MOVED_TO | IN_CLOSE_WRITE);
  for (;;) {
    if (const auto pid = find_leader(pod.dir())) return *pid;
    pod.refresh(pods);
    if (pod.state() != pod::State::running)
      throw Error(Errc::not_found, cat("pod ", quoted(pod.id().str()), " is not running anymore"));
    pollfd p{watch.fd(), POLLIN, 0};
    if (::poll(&p, 1, kLookAgainMs) < 0 && errno != EINTR) throw Error::from_errno("wait for a pod");
    watch.drain();
  }
}

}  // namespace rkt::stage0
