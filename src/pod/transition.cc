// SPDX-License-Identifier: Apache-2.0
#include "pod/transition.h"

#include "base/error.h"
#include "base/strings.h"

namespace rkt::pod {

std::optional<DirLock> lock_unless_held(const DirFd& dir) {
  auto lock = DirLock::try_take(dir.sub(".").release(), LockMode::exclusive);
  if (lock) return lock;
  if (is_locked(dir)) return std::nullopt;
  return DirLock::take(dir.sub(".").release(), LockMode::exclusive);
}

Marked mark_garbage(const Pods& pods, Pod& pod) {
  const State s = pod.state();
  if (s != State::exited && s != State::aborted_prepare && s != State::prepared) return Marked::busy;
  // Shared is enough: preparing, starting and running all need or hold the lock exclusively.
  const auto lock = DirLock::try_take(pod.dir().sub(".").release(), LockMode::shared);
  if (!lock) return Marked::busy;
  const auto from = state_place(s);
  if (!pods.holds(from, pod.id(), pod.dir())) return Marked::gone;
  const auto to = s == State::exited ? "exited-garbage" : "garbage";
  const std::string name = pod.id().str();
  try {
    pods.dir(from).rename(name, pods.dir(to), name);
  } catch (const Error& e) {
    if (e.code() == Errc::not_found) return Marked::gone;
    throw;
  }
  pod.refresh(pods);
  return Marked::moved;
}

void remove_files(const DirFd& pod) {
  // What may be busy goes first: a pod that cannot be removed now keeps its manifest and stays visible.
  if (const auto stage1 = pod.find_sub("stage1")) stage1->remove_tree("rootfs");
  pod.remove_tree("overlay");
  for (const auto& name : pod.names())
    if (name != "pod") pod.remove_tree(name);
  pod.unlink("pod");
}

}  // namespace rkt::pod
