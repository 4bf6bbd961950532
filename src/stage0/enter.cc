// SPDX-License-Identifier: Apache-2.0
// Running something in a running pod: finding its pid 1, and the entry points that are executed from the verified tree.
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "stage0/exec.h"
#include "stage0/pod_dir.h"
#include "stage0/stage0.h"
#include "sys/file.h"
#include "sys/spawn.h"

namespace rkt::stage0 {
namespace {

constexpr int kLookAgainMs = 100;

std::optional<int> number_in_file(const DirFd& dir, const char* name) {
  const auto text = find_file_text(dir, name, 64);
  return text ? parse_int<int>(trim(*text)) : std::nullopt;
}

// The only child of a process; nullopt: none yet, or the process is gone.
std::optional<int> only_child(int pid) {
  const UniqueFd fd(::open(cat("/proc/", pid, "/task/", pid, "/children").c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  const std::string text(trim(read_all(fd.get(), "children", 4096)));
  if (text.find(' ') != std::string::npos) throw Error(Errc::invalid, cat("too many children of pid ", pid));
  return parse_int<int>(text);
}

std::optional<int> container_pid(const DirFd& pod) {
  if (const auto pid = number_in_file(pod, "pid")) return pid;
  if (const auto parent = number_in_file(pod, "ppid")) return only_child(*parent);
  return std::nullopt;
}

// Waits until stage1 has said which process it is, or the pod has ended.
int wait_for_pid(const pod::Pods& pods, pod::Pod& pod) {
  const UniqueFd watch(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!watch) throw Error::from_errno("watch a pod");
  ::inotify_add_watch(watch.get(), cat("/proc/self/fd/", pod.dir().get()).c_str(), IN_CLOSE_WRITE | IN_MOVED_TO);
  for (;;) {
    if (const auto pid = container_pid(pod.dir())) return *pid;
    // A file tells about "pid" and "ppid", nothing tells about a child: so it is looked at now and then.
    pollfd p{watch.get(), POLLIN, 0};
    ::poll(&p, 1, kLookAgainMs);
    char events[4096];
    (void)!::read(watch.get(), events, sizeof events);
    pod.refresh(pods);
    if (pod.state() != pod::State::running) throw Error(Errc::not_found, cat("pod ", pod.id().str(), " is not running anymore"));
  }
}

}  // namespace

void enter(const store::Store& store, const pod::Pods& pods, const Uuid& id, const std::string& app, const std::vector<std::string>& command) {
  pod::Pod pod = pod::Pod::open(pods, id);
  const auto stage1 = find_stage1(pod.dir());
  if (!stage1) throw Error(Errc::invalid, cat("pod ", quoted(id.str()), " has no stage1 manifest"));
  const std::string exe = entrypoint_in_tree(store, pod.dir(), *stage1, "enter");
  const int pid = in_context([&] { return cat("unable to determine the pid for pod ", quoted(id.str())); }, [&] { return wait_for_pid(pods, pod); });
  std::vector<std::string> argv = {exe, cat("--pid=", pid), cat("--appname=", app), "--"};
  argv.insert(argv.end(), command.begin(), command.end());
  const DirFd dir = pod.dir().clone();
  exec_stage1({.exe = exe, .argv = std::move(argv), .cwd = dir});
}

void stop(const store::Store& store, const pod::Pods& pods, const Uuid& id, bool force) {
  const pod::Pod pod = pod::Pod::open(pods, id);
  const auto stage1 = find_stage1(pod.dir());
  if (!stage1) throw Error(Errc::invalid, cat("pod ", quoted(id.str()), " has no stage1 manifest"));
  const std::string exe = in_context([] { return std::string("rkt stop not implemented for pod's stage1"); },
                                     [&] { return entrypoint_in_tree(store, pod.dir(), *stage1, "stop"); });
  std::vector<std::string> argv = {exe};
  if (force) argv.emplace_back("--force");
  argv.push_back(id.str());
  Child child = Child::spawn({.exe = exe, .argv = std::move(argv), .env = environment_for_stage1(), .cwd_fd = pod.dir().get()});
  const ExitStatus status = child.wait();
  if (!status.ok()) throw Error(Errc::system, cat("stage1's stop ended with status ", status.shell()));
}

}  // namespace rkt::stage0
