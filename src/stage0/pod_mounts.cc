// SPDX-License-Identifier: Apache-2.0
#include "stage0/pod_mounts.h"

#include "base/error.h"
#include "base/strings.h"
#include "pod/mounts.h"
#include "sys/file.h"
#include "sys/mount.h"
#include "sys/ns.h"

namespace rkt::stage0 {
namespace {

std::optional<int> parent_of(int pid) {
  const std::string status = find_file_text(DirFd::open("/proc"), cat(pid, "/status"), 65536).value_or("");
  for (const auto line : split(status, '\n'))
    if (line.starts_with("PPid:")) return parse_int<int>(trim(line.substr(5)));
  return std::nullopt;
}

Error is_ending() { return {Errc::not_found, "the pod is ending: its mounts have gone"}; }

// "": it has ended, or is about to, which makes them unreadable.
std::string mounts_of(int pid) {
  try {
    return find_file_text(DirFd::open("/proc"), cat(pid, "/mountinfo"), kMountinfoLimit).value_or("");
  } catch (const Error& e) {
    if (e.sys_errno() != EINVAL && e.sys_errno() != ESRCH) throw;
    return {};
  }
}

// A process that sees the root of stage1 where it is mounted: it may be process 1, or the one that started that.
// Empty: nothing is mounted.
UniqueFd process_in_mounts(const pod::Pod& pod, const std::string& path) {
  if (!pod.uses_overlay()) return {};
  const std::string root = cat(path, "/stage1/rootfs");
  auto pid = pod.pid();
  for (int generation = 0; generation < 2 && pid && *pid > 1; ++generation, pid = parent_of(*pid)) {
    auto process = open_pidfd(*pid);
    if (!process) break;
    const std::string mounts = mounts_of(*pid);
    if (!pod::plan_detach(mounts, root).empty() && !has_ended(process->get())) return std::move(*process);
  }
  throw is_ending();
}

}  // namespace

void enter_pod_mounts(std::optional<MountScope>& scope, const pod::Pod& pod, const std::string& path) {
  const UniqueFd process = process_in_mounts(pod, path);
  try {
    if (process) scope.emplace(process.get());
  } catch (const Error& e) {
    if (e.sys_errno() == ESRCH) throw is_ending();
    throw;
  }
}

}  // namespace rkt::stage0
