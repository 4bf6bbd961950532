// SPDX-License-Identifier: Apache-2.0
// Which cgroup hierarchies a host has, where this process is in them, and which of them a pod uses: pure functions of
// /proc/self/cgroup and /proc/self/mountinfo. Names: pods reference, chapter cgroups.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/uuid.h"

namespace rkt::cgroup {

/// One mounted hierarchy.
struct Hierarchy {
  bool v2 = false;
  std::vector<std::string> controllers;  ///< v1: as mounted ("cpu", "cpuacct"; "name=systemd" for a named one); v2: empty
  std::string mount_point;
  std::string mount_root;                ///< path inside the hierarchy that is at mount_point
  std::string own;                       ///< cgroup of this process, as in /proc/self/cgroup
  bool has(std::string_view controller) const;
  /// The directory of `cgroup` (a path inside the hierarchy); nullopt when it is not below what is mounted.
  std::optional<std::string> directory(std::string_view cgroup) const;
};

enum class Mode : std::uint8_t { none, v1, hybrid, v2 };

struct Layout {
  std::vector<Hierarchy> hierarchies;
  Mode mode() const;
  const Hierarchy* unified() const;
  const Hierarchy* v1(std::string_view controller) const;
  const Hierarchy* tracking() const;  ///< cgroup2, else name=systemd, else cpu, else any; nullptr: none
};

/// Unreadable lines are skipped: a kernel may add fields.
Layout parse_layout(std::string_view proc_cgroup, std::string_view mountinfo);

/// Controllers that the limits of a pod's apps ask for.
struct Needs {
  bool memory = false, cpu = false, pids = false, devices = false;
  Needs operator|(const Needs& o) const;
  bool any() const { return memory || cpu || pids || devices; }
  std::vector<std::string> names() const;  ///< of cgroup controllers, devices left out (v2 has none)
};

/// "machine-rkt\x2d<uuid with \x2d>.scope"
std::string scope_name(const Uuid& uuid);
/// `parent`/`name` with exactly one slash.
std::string child_path(std::string_view parent, std::string_view name);
/// system.slice/<app>.service
std::string app_path(std::string_view pod, std::string_view app);

/// v2's weight 1…10000 for v1's shares 2…262144, linear as the OCI runtimes do it.
std::uint64_t weight_from_shares(std::int64_t shares);
/// Microseconds in a period of 100 ms; never below the kernel's least of 1 ms.
std::int64_t quota_from_milli(std::int64_t milli);

}  // namespace rkt::cgroup
