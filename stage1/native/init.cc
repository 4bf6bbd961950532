// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/init.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <span>

#include "base/error.h"
#include "base/strings.h"
#include "stage1/native/handover.h"
#include "stage1/native/message.h"
#include "stage1/native/sysctl.h"
#include "stage1/native/within.h"
#include "sys/file.h"
#include "sys/ns.h"

namespace rkt::native {
namespace {

constexpr int kSetupFailed = 254;

// Alone in its own cgroup: a thread that writes "0" moves itself, which is cheap.
void join(const cgroup::Entry& entry) {
  for (int i = 0; i < entry.joins; ++i)
    if (::write(entry.join[i], "0", 1) < 0) throw Error::from_errno("join the pod's cgroup");
}

// What rkt was started with is the outer process's business.
void close_streams() {
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) throw Error::from_errno("open \"/dev/null\"");
  for (int fd = 0; fd < 3; ++fd)
    if (::dup2(null.get(), fd) < 0) throw Error::from_errno("close the standard streams");
}

void hide_arguments() {
  const std::span<char> shown = own_arguments();
  constexpr std::string_view kShown = "init";
  if (shown.size() <= kShown.size()) return;
  std::memset(shown.data(), 0, shown.size());
  std::memcpy(shown.data(), kShown.data(), kShown.size());
}

// Made beforehand, since they have to belong to the user namespace that is joined last.
void join_owned(InitInput& in) {
  join_namespaces(in.users.uts.get(), CLONE_NEWUTS);
  if (in.plan.own_ipc) join_namespaces(in.users.ipc.get(), CLONE_NEWIPC);
  in.users.uts.reset();
  in.users.ipc.reset();
  in.users.network.reset();
}

// From here on nothing is the host's any more but what was copied: the mounts of the namespace made here can be handled
// by the pod's root.
void become_root_of_users(InitInput& in) {
  join_user_namespace(in.users.user.get());
  in.users.user.reset();
  if (::unshare(CLONE_NEWNS) < 0) throw Error::from_errno("make a mount namespace");
  // Both end with the change of ids.
  become_unreadable();
  die_with_parent(in.parent.get());
}

// An app that may look into this process must find neither the mounts, which hide nothing, nor the way out for them.
int serve_mutable_pod(InitInput& in) {
  in.parent.reset();
  {
    const UniqueFd handover(in.handover);
    const SharedMounts shared = SharedMounts::make(std::move(in.devpts), in.plan.shm_size, in.plan.selinux.files);
    apply_sysctls(shared.proc.fd(), in.plan.sysctls);
    hand_over(handover.get(), shared);
  }
  receive_mounts_only();
  take_stage1_root();
  return reap_until_asked(in.control);
}

// Somebody else launches the apps, later too (outside.h). He takes the mount namespace with their roots; what this
// process is left with shows none of them.
int serve_launches(InitInput& in, std::optional<PodMounts>& mounts) {
  for (std::size_t i = 0; i < in.plan.apps.size(); ++i) mounts->assemble(i);
  mounts->assembled();
  for (const auto& note : mounts->notes()) send_message(in.control, {.kind = Message::Kind::line, .text = note});
  send_message(in.control, {.kind = Message::Kind::assembled});
  if (!receive_message(in.control)) throw Error(Errc::system, "nobody is left who launches the apps");
  if (::unshare(CLONE_NEWNS) < 0) throw Error::from_errno("make a mount namespace");
  for (std::size_t i = 0; i < in.plan.apps.size(); ++i) mounts->drop(i);
  mounts.reset();
  return reap_until_asked(in.control);
}

int supervise(InitInput& in) {
  become_unreadable();
  hide_arguments();
  die_with_parent(in.parent.get());
  if (::setsid() < 0) throw Error::from_errno("make a session");
  label_new_objects(in.plan.selinux);
  leave_session_keyring();
  join(in.group.entry());
  const bool launches = in.handover < 0 && !in.plan.launches_later();
  if (!launches) make_cgroup_namespace();
  if (in.netns) join_namespaces(in.netns.get(), CLONE_NEWNET);
  for (auto& sockets : in.sockets) make_missing_sockets(sockets);
  if (in.users.user) join_owned(in);
  in.group = cgroup::Group();
  in.netns.reset();
  set_hostname(in.plan.hostname.c_str());
  close_streams();
  ::umask(0);  // modes are meant as they are written; apps get 0022
  if (in.handover >= 0) return serve_mutable_pod(in);
  SharedMounts shared = SharedMounts::make(std::move(in.devpts), in.plan.shm_size, in.plan.selinux.files);
  Sysctls of_users;
  apply_sysctls(shared.proc.fd(), in.plan.sysctls, in.users.user ? &of_users : nullptr);
  UniqueFd oom_score = in.users.user && launches ? open_oom_score(shared.proc.fd()) : UniqueFd();
  std::optional<PodMounts> mounts(
      std::in_place, in.mounts, std::move(shared),
      MountOwner{.users = in.users.user ? in.users.user.get() : -1, .root = on_host(in.plan.users, 0)});
  in.syslogs.clear();
  mounts->take_root();
  if (in.users.user) become_root_of_users(in);
  apply_sysctls(mounts->proc(), of_users);
  in.parent.reset();
  mounts->share();
  if (!launches) return serve_launches(in, mounts);
  return supervise_within({.plan = in.plan,
                           .mounts = *mounts,
                           .stdio = std::move(in.stdio),
                           .sockets = std::move(in.sockets),
                           .control = in.control,
                           .oom_score = std::move(oom_score)});
}

}  // namespace

int pod_namespaces(const PodPlan& plan) { return CLONE_NEWUTS | (plan.own_ipc ? CLONE_NEWIPC : 0); }

void run_init(InitInput input) noexcept {
  const int control = input.control;
  int status = kSetupFailed;
  try {
    status = supervise(input);
    send_message(control, {.kind = Message::Kind::over, .value = status});
  } catch (const Error& e) {
    (void)!send_message(control, {.kind = Message::Kind::line, .text = e.brief()});
  } catch (const std::exception& e) {
    (void)!send_message(control, {.kind = Message::Kind::line, .text = e.what()});
  }
  ::_exit(status);
}

}  // namespace rkt::native
