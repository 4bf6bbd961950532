// SPDX-License-Identifier: Apache-2.0
#include "stage0/port_claim.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "pod/transition.h"
#include "stage0/gc.h"
#include "sys/file.h"

namespace rkt::stage0 {
namespace {

constexpr const char* kPortsFile = "ports";
constexpr std::size_t kPortsLimit = std::size_t{16} << 20;

// A network's configuration is copied here before anything of it is made, and removed after everything of it is gone.
bool holds_networks(const DirFd& pod) {
  const auto copies = pod.find_sub("net");
  return copies && !copies->names().empty();
}

Error taken(const Forward& port, const Uuid& owner) {
  return {Errc::busy, cat("port ", port.str(), " is already forwarded to pod ", owner.str())};
}

// Somebody who has, or had, a port that is wanted.
struct Holder {
  pod::Pod pod;
  Forward port;
};

// Of the pods beside `spared`.
std::optional<Holder> find_holder(const pod::Pods& pods, const std::vector<Forward>& wanted,
                                  const std::vector<Uuid>& spared) {
  for (const char* place : {"run", "exited-garbage"})
    for (const auto& id : pods.list_place(place)) {
      if (std::ranges::find(spared, id) != spared.end()) continue;
      const auto dir = pods.dir(place).find_sub(id.str());
      const auto meeting = dir ? find_meeting(wanted, load_forwards(*dir)) : std::nullopt;
      auto owner = meeting ? pod::Pod::find(pods, id) : std::nullopt;
      if (owner && (owner->state() == pod::State::running || holds_networks(owner->dir())))
        return Holder{.pod = std::move(*owner), .port = *meeting};
    }
  return std::nullopt;
}

// Who collects a pod for its ports has locked this file: a pod that is locked but for that is one that runs.
std::optional<DirLock> lock_collection(const pod::Pod& pod) {
  auto file = pod.dir().find_file(kPortsFile);
  if (!file) return std::nullopt;
  if (auto lock = DirLock::try_take(dup_fd(file->get()), LockMode::exclusive)) return lock;
  log::note("stage0", cat("waiting until another rkt has collected pod ", pod.id().str()));
  return DirLock::take(std::move(*file), LockMode::exclusive);
}

// Runs programs of others, which may take their time: no lock is held that other pods need.
void take_back(store::Store& store, const pod::Pods& pods, const Holder& holder, const RunOptions& options) {
  const Uuid id = holder.pod.id();
  const auto collecting = lock_collection(holder.pod);
  const auto owner = pod::Pod::find(pods, id);
  if (!owner) return;
  if (owner->state() == pod::State::running) throw taken(holder.port, id);
  if (!holds_networks(owner->dir())) return;  // another rkt was faster
  const auto lock = pod::lock_unless_held(owner->dir());
  if (!lock) throw taken(holder.port, id);
  log::debug("stage0", cat("collecting pod ", id.str(), ", which has ended and holds port ", holder.port.str()));
  try {
    collect_with_stage1(store, pods, *owner, options.local_config, options.debug);
  } catch (const Error& e) {
    throw taken(holder.port, id)
        .hint(cat("that pod has ended, but what it holds cannot be collected: ", e.brief(), "; try `rkt rm`"));
  }
}

}  // namespace

void save_forwards(const DirFd& pod, const std::vector<Forward>& forwards) {
  if (!forwards.empty()) write_file(pod, kPortsFile, write_forwards(forwards), 0640);
}

std::vector<Forward> load_forwards(const DirFd& pod) {
  return parse_forwards(find_file_text(pod, kPortsFile, kPortsLimit).value_or(""));
}

std::optional<KeyLock> claim_ports(store::Store& store, const pod::Pods& pods, const DirFd& pod,
                                   const RunOptions& options) {
  const auto wanted = load_forwards(pod);
  if (wanted.empty()) return std::nullopt;
  const DirFd locks = make_dirs(cat(pods.data(), "/locks"), 0750);
  for (std::vector<Uuid> collected;;) {
    std::optional<KeyLock> lock = KeyLock::take(locks, "ports", LockMode::exclusive);
    const auto holder = find_holder(pods, wanted, collected);
    if (!holder) return lock;
    lock.reset();
    take_back(store, pods, *holder, options);
    collected.push_back(holder->pod.id());
  }
}

}  // namespace rkt::stage0
