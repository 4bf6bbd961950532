// SPDX-License-Identifier: Apache-2.0
#include "stage0/port_claim.h"

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

void take_back(store::Store& store, const pod::Pods& pods, pod::Pod& owner, const Forward& port,
               const RunOptions& options) {
  const auto lock = pod::lock_unless_held(owner.dir());
  if (!lock) throw taken(port, owner.id());
  log::debug("stage0", cat("collecting pod ", owner.id().str(), ", which has ended and holds port ", port.str()));
  try {
    collect_with_stage1(store, pods, owner, options.local_config, options.debug);
  } catch (const Error& e) {
    throw taken(port, owner.id())
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
  KeyLock lock = KeyLock::take(make_dirs(cat(pods.data(), "/locks"), 0750), "ports", LockMode::exclusive);
  for (const char* place : {"run", "exited-garbage"})
    for (const auto& id : pods.list_place(place)) {
      const auto dir = pods.dir(place).find_sub(id.str());
      const auto meeting = dir ? find_meeting(wanted, load_forwards(*dir)) : std::nullopt;
      if (!meeting) continue;
      auto owner = pod::Pod::find(pods, id);
      if (!owner) continue;
      if (owner->state() == pod::State::running) throw taken(*meeting, id);
      if (holds_networks(owner->dir())) take_back(store, pods, *owner, *meeting, options);
    }
  return lock;
}

}  // namespace rkt::stage0
