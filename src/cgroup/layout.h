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
  std::vector<std::string>
      controllers;  ///< v1: as mounted ("cpu", "cpuacct"; "name=systemd" for a named one); v2: empty
  std::string mount_point;
  std::string mount_root;  ///< path inside the hierarchy that is at mount_point
  std::string own;         ///< cgroup of this process, as in /proc/self/cgroup
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

/// A line of /proc/PID/cgroup, "ID:CONTROLLERS:PATH"; no controllers: v2. POD/cgroups is written in the same form.
struct Membership {
  std::vector<std::string> controllers;
  std::string path;
  bool is_of(const Hierarchy& h) const;
};
std::vector<Membership> parse_memberships(std::string_view text);

/// Controllers that the limits of a pod's apps ask for.
struct Needs {
  bool memory = false, cpu = false, pids = false, io = false, devices = false;
  static Needs all() { return {.memory = true, .cpu = true, .pids = true, .io = true, .devices = true}; }
  Needs operator|(const Needs& o) const;
  std::vector<std::string> names() const;  ///< of v2's controllers
};

/// v1's name of a controller of v2.
std::string_view v1_name(std::string_view controller);

/// The hierarchies that a pod touches, tracking first, what each of them limits, and the names in `needs` that none
/// has.
struct Choice {
  struct Use {
    const Hierarchy* hierarchy;
    std::vector<std::string> controllers;
    bool operator==(const Use&) const = default;
  };
  std::vector<Use> uses;
  std::vector<std::string> missing;
};
Choice choose(const Layout& layout, const Needs& needs, std::string_view unified_controllers);

/// Which cgroup2 is to give a pod controllers: our own as it is (`missing`: how many that does not give), our own once
/// our process, `alone` in it, has left it (`lacking`: those that it does not have itself), or machine.slice
/// (`in_slice` of them are missing there; nullopt: it is not ours to use). Whoever gives most, in that order; but the
/// slice before a cgroup that is not `delegated`: its manager could start nothing more in it.
enum class Base : std::uint8_t { own, own_left, slice };
Base choose_base(std::size_t missing, std::size_t lacking, bool alone, bool delegated,
                 std::optional<std::size_t> in_slice);

/// "machine-rkt\x2d<uuid with \x2d>.scope"
std::string scope_name(const Uuid& uuid);
/// `parent`/`name` with exactly one slash.
std::string child_path(std::string_view parent, std::string_view name);

}  // namespace rkt::cgroup
