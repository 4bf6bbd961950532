// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/within.h"

#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "stage1/native/groups.h"
#include "stage1/native/launcher.h"
#include "stage1/native/memory.h"
#include "stage1/native/message.h"
#include "stage1/native/supervisor.h"
#include "sys/caps.h"
#include "sys/ns.h"

namespace rkt::native {
namespace {

class Within final : public Launcher {
 public:
  explicit Within(WithinInput input) : in_(std::move(input)) {
    for (std::size_t i = 0; i < in_.plan.apps.size(); ++i) {
      in_.mounts.assemble(i);
      fill_with_null(in_.stdio[i], in_.mounts.root_path(i));
    }
    in_.mounts.assembled();
    groups_ = take_groups(in_.control, in_.plan.apps.size());
    // Not before: outer listens when it has given all of them.
    for (const auto& note : in_.mounts.notes()) send_message(in_.control, {.kind = Message::Kind::line, .text = note});
    if (in_.plan.may_look_into_init()) gate_ = Pipe::make();
  }

  Child launch(std::size_t i, const std::vector<std::string>& argv, bool main, AppFault& fault) override {
    const AppPlan& app = in_.plan.apps[i];
    std::vector<ProcMask> masks;
    if (app.own_processes) masks = in_.mounts.masks(i);
    LaunchRequest request = request_for(app, argv, main);
    request.root = in_.mounts.root_path(i);
    request.own_processes = app.own_processes ? &masks : nullptr;
    request.proc = in_.mounts.proc();
    request.own_oom_score = in_.oom_score.get();
    request.entry = groups_[i].entry();
    request.set_streams(in_.stdio[i]);
    request.controlling_terminal = in_.plan.has_terminal(app);
    request.sockets = main ? &in_.sockets[i] : nullptr;
    request.gate[0] = gate_ && app.looks_at_pod() ? gate_->read_end.get() : -1;
    request.gate[1] = gate_ ? gate_->write_end.get() : -1;
    const pid_t pid = rkt::native::launch(request, fault);
    in_.sockets[i].clear();
    return {.pid = pid, .arrived = true};
  }
  pid_t arrived(std::size_t, const AppFault&) const override { return 0; }
  pid_t number(pid_t pid) const override { return pid; }
  void forget(std::size_t i) noexcept override {
    in_.stdio[i] = {};
    in_.sockets[i].clear();
  }
  void signal_all(int number) override { ::kill(-1, number); }
  bool is_pid_1(pid_t) const override { return false; }
  bool pod_is_gone() const override { return false; }

  void become_harmless() {
    for (std::size_t i = 0; i < in_.plan.apps.size(); ++i) in_.mounts.drop(i);
    in_.mounts.let_go();
    groups_.clear();
    in_.oom_score.reset();
    make_cgroup_namespace();  // not before: the apps are born beside it
    drop_capabilities_for_good(cap_bit(CAP_KILL));
    gate_.reset();
  }

 private:
  WithinInput in_;
  std::vector<cgroup::Group> groups_;
  std::optional<Pipe> gate_;
};

}  // namespace

int supervise_within(WithinInput input) {
  const PodPlan& plan = input.plan;
  const int control = input.control;
  const UniqueFd signals = child_signals();
  Within launcher(std::move(input));
  Supervisor supervisor(plan, launcher, [control](const Message& m) { send_message(control, m); });
  supervisor.start();
  launcher.become_harmless();
  send_message(control, {.kind = Message::Kind::ready});
  pollfd events[] = {{signals.get(), POLLIN, 0}, {control, POLLIN, 0}};
  while (!supervisor.over()) {
    if (poll_lean(events, supervisor.deadline()) < 0) {
      if (errno != EINTR) throw Error::from_errno("wait for events");
      continue;
    }
    if ((events[1].revents & POLLIN) != 0)
      if (const auto m = receive_message(control); m && m->kind == Message::Kind::stop)
        supervisor.stop(std::chrono::milliseconds(m->value));
    if ((events[0].revents & POLLIN) != 0) {
      signalfd_siginfo drained[4];
      (void)!::read(signals.get(), drained, sizeof drained);
      supervisor.reap();
    }
    supervisor.time_passed();
  }
  return supervisor.status();
}

}  // namespace rkt::native
