// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/caps.h"

#include <optional>
#include <string>

#include "base/error.h"
#include "base/strings.h"

namespace rkt::native {
namespace {

// linux/capability.h, in order of their numbers.
constexpr std::string_view kNames[] = {"chown",
                                       "dac_override",
                                       "dac_read_search",
                                       "fowner",
                                       "fsetid",
                                       "kill",
                                       "setgid",
                                       "setuid",
                                       "setpcap",
                                       "linux_immutable",
                                       "net_bind_service",
                                       "net_broadcast",
                                       "net_admin",
                                       "net_raw",
                                       "ipc_lock",
                                       "ipc_owner",
                                       "sys_module",
                                       "sys_rawio",
                                       "sys_chroot",
                                       "sys_ptrace",
                                       "sys_pacct",
                                       "sys_admin",
                                       "sys_boot",
                                       "sys_nice",
                                       "sys_resource",
                                       "sys_time",
                                       "sys_tty_config",
                                       "mknod",
                                       "lease",
                                       "audit_write",
                                       "audit_control",
                                       "setfcap",
                                       "mac_override",
                                       "mac_admin",
                                       "syslog",
                                       "wake_alarm",
                                       "block_suspend",
                                       "audit_read",
                                       "perfmon",
                                       "bpf",
                                       "checkpoint_restore"};

std::optional<unsigned> number_of(std::string_view name) {
  std::string plain = lower(name);
  if (plain.starts_with("cap_")) plain.erase(0, 4);
  for (unsigned i = 0; i < std::size(kNames); ++i)
    if (kNames[i] == plain) return i;
  return std::nullopt;
}

std::uint64_t bits_of(const std::vector<std::string>& names, std::vector<std::string>& unknown) {
  std::uint64_t bits = 0;
  for (const auto& n : names) {
    if (const auto number = number_of(n))
      bits |= std::uint64_t{1} << *number;
    else
      unknown.push_back(n);
  }
  return bits;
}

}  // namespace

std::uint64_t capability_set(const appc::Isolators& isolators, std::vector<std::string>& unknown) {
  if (isolators.caps_retain && isolators.caps_remove)
    throw Error(Errc::invalid,
                "os/linux/capabilities-retain-set and os/linux/capabilities-remove-set exclude each other");
  if (isolators.caps_retain) return bits_of(*isolators.caps_retain, unknown);
  if (isolators.caps_remove) return kDefaultCapabilities & ~bits_of(*isolators.caps_remove, unknown);
  return kDefaultCapabilities;
}

}  // namespace rkt::native
