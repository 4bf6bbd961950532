// SPDX-License-Identifier: Apache-2.0
// v2 has no devices controller: a BPF program on the cgroup decides each open and mknod of a device node. This makes
// one that allows a list of nodes, in v1's syntax, and refuses the rest.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sys/dir.h"

namespace rkt::cgroup {

/// "c MAJOR:MINOR rwm"; '*' for any number.
struct DeviceRule {
  bool character = true;
  std::optional<std::uint32_t> major, minor;
  bool read = false, write = false, make = false;
  static std::optional<DeviceRule> parse(std::string_view text);
};

/// One eBPF instruction, in the kernel's layout.
struct Instruction {
  std::uint8_t code;
  std::uint8_t registers;  ///< destination in the low four bits, source in the high four
  std::int16_t offset;
  std::int32_t immediate;
};
static_assert(sizeof(Instruction) == 8);

/// The program for a list of rules: allow on the first that matches, refuse at the end. Pure.
std::vector<Instruction> assemble_device_filter(const std::vector<DeviceRule>& rules);

/// Loads and attaches the program for the standard nodes and `more`.
void attach_device_filter(const DirFd& cgroup, const std::vector<std::string>& more);

}  // namespace rkt::cgroup
