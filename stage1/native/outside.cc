// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/outside.h"

#include <fcntl.h>
#include <poll.h>

#include <chrono>

#include "base/error.h"
#include "base/strings.h"
#include "stage1/native/memory.h"
#include "stage1/native/message.h"
#include "stage1/native/running.h"
#include "sys/rootless.h"
#include "sys/selinux.h"

namespace rkt::native {
namespace {

constexpr auto kPatience = std::chrono::seconds(1);

}  // namespace

Outside::Outside(OutsideInput input) : in_(std::move(input)), proc_(DirFd::open("/proc")) {
  // Who is on the way is unreadable, also for its own user.
  if (in_.plan.users || known_ids() != Ids::all) oom_score_ = open_oom_score(proc_.get());
  label_new(NewObject::key, in_.plan.selinux.process);
}

void Outside::take_mounts() {
  const std::string init = cat("/proc/", in_.init_pid);
  mounts_ = UniqueFd(::open(cat(init, "/ns/mnt").c_str(), O_RDONLY | O_CLOEXEC));
  if (!mounts_) throw Error::from_errno("open the mount namespace of the pod");
  for (std::size_t i = 0; i < in_.mounts.size(); ++i) {
    // Neither S1 nor what is mounted at "dev" is a link of an image.
    fill_with_null(in_.stdio[i], cat(init, "/root", assembled_root(in_.mounts[i])));
  }
  send_message(in_.control, {.kind = Message::Kind::start}, Wait::no);
}

Launcher::Child Outside::launch(std::size_t i, const std::vector<std::string>& argv, bool main, AppFault& fault) {
  const AppPlan& app = in_.plan.apps[i];
  std::vector<ProcMask> masks;
  if (app.own_processes) masks = proc_masks(in_.mounts[i]);
  LaunchRequest request = request_for(app, argv, main);
  request.root = assembled_root(in_.mounts[i]);
  request.own_processes = app.own_processes ? &masks : nullptr;
  request.proc = proc_.get();
  request.own_oom_score = oom_score_.get();
  request.entry = in_.groups[i].entry();
  request.set_streams(in_.stdio[i]);
  request.controlling_terminal = in_.plan.has_terminal(app);
  request.sockets = main ? &in_.sockets[i] : nullptr;
  request.user_namespace = in_.plan.users.has_value();
  request.pid_namespace = in_.init;
  request.mounts = mounts_.get();
  request.namespaces = in_.namespaces;
  const pid_t pid = begin_launch(request, fault);
  if (main && !app.restarts()) in_.sockets[i].clear();
  return {.pid = pid, .arrived = false};
}

pid_t Outside::arrived(std::size_t i, const AppFault& fault) const {
  return find_inside(in_.init_pid, in_.plan.apps[i], fault);
}

pid_t Outside::number(pid_t pid) const { return pid_in_pod(in_.init_pid, pid); }

void Outside::forget(std::size_t i) noexcept {
  in_.stdio[i] = {};
  in_.sockets[i].clear();
}

void Outside::forget_all() noexcept {
  for (std::size_t i = 0; i < in_.stdio.size(); ++i) forget(i);
}

// Answered when it is done: what is launched after that is not meant. Who was stopped answers nothing.
void Outside::signal_all(int number) {
  if (!send_message(in_.control, {.kind = Message::Kind::signal, .value = number}, Wait::no)) return;
  const auto until = std::chrono::steady_clock::now() + kPatience;
  pollfd event{in_.control, POLLIN, 0};
  while (std::chrono::steady_clock::now() < until && poll_lean({&event, 1}, until) > 0) {
    const auto answer = receive_message(in_.control, Wait::no);
    if (!answer || answer->kind == Message::Kind::signal) return;
  }
}

// Its end of the pair is closed before the kernel kills what is in the pod.
bool Outside::pod_is_gone() const {
  pollfd event{in_.control, 0, 0};
  return ::poll(&event, 1, 0) > 0 && (event.revents & POLLHUP) != 0;
}

}  // namespace rkt::native
