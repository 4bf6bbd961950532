// SPDX-License-Identifier: Apache-2.0
// Limits of an app, and which files of a cgroup directory say them: pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cgroup/layout.h"
#include "sys/dir.h"

namespace rkt::cgroup {

/// What an app is limited to; absent = no limit of its own.
struct Limits {
  std::optional<std::int64_t> memory_bytes;  ///< hard; no swap on top of it
  std::optional<std::int64_t> cpu_milli;     ///< thousandths of a core
  std::optional<std::int64_t> cpu_shares;    ///< 2…262144
  std::optional<std::int64_t> pids;
  std::optional<std::int64_t> io_bytes, io_operations;  ///< a second, of each of `disks` and in each direction
  std::vector<std::string> disks;                       ///< "MAJOR:MINOR"; manager.h finds them
  bool default_devices = false;                         ///< default-deny devices: only the standard nodes and `devices`
  std::vector<std::string> devices;                     ///< more nodes, as "c 10:200 rw" (v1 syntax)
  Needs needs() const;
};

/// One write into a file of the cgroup's directory, in this order.
struct Write {
  std::string controller, file, value;
  bool if_there = false;  ///< the file is missing on some kernels, and the limit means the same without it
  bool operator==(const Write&) const = default;
};

/// The writes for `controllers` of one hierarchy. v2 has none for devices, but a program (devices.h).
std::vector<Write> plan_limits(bool v2, const std::vector<std::string>& controllers, const Limits& limits);

/// Whole disks with something on them, as "MAJOR:MINOR".
std::vector<std::string> find_disks();
/// The same from the text of /proc/partitions and the names in /sys/block.
std::vector<std::string> parse_disks(std::string_view partitions, const std::vector<std::string>& block_names);

/// v2's weight 1…10000 for v1's shares 2…262144, linear as the OCI runtimes do it.
std::uint64_t weight_from_shares(std::int64_t shares);
/// Microseconds in a period of 100 ms; never below the kernel's least of 1 ms.
std::int64_t quota_from_milli(std::int64_t milli);

/// Nodes every app may use: null, zero, full, random, urandom, tty, console, ptmx, pts, net/tun; in v1 syntax.
const std::vector<std::string>& standard_devices();

/// Pure: the value of KEY in a file of "KEY VALUE" lines (memory.events, memory.oom_control); 0: it is not there.
std::uint64_t flat_value(std::string_view text, std::string_view key);

}  // namespace rkt::cgroup
