// SPDX-License-Identifier: Apache-2.0
#include "sys/caps.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

#include "base/error.h"

namespace rkt {
namespace {

// In the order of their numbers.
constexpr std::array<std::string_view, kCapLast + 1> kNames = {"CHOWN",
                                                               "DAC_OVERRIDE",
                                                               "DAC_READ_SEARCH",
                                                               "FOWNER",
                                                               "FSETID",
                                                               "KILL",
                                                               "SETGID",
                                                               "SETUID",
                                                               "SETPCAP",
                                                               "LINUX_IMMUTABLE",
                                                               "NET_BIND_SERVICE",
                                                               "NET_BROADCAST",
                                                               "NET_ADMIN",
                                                               "NET_RAW",
                                                               "IPC_LOCK",
                                                               "IPC_OWNER",
                                                               "SYS_MODULE",
                                                               "SYS_RAWIO",
                                                               "SYS_CHROOT",
                                                               "SYS_PTRACE",
                                                               "SYS_PACCT",
                                                               "SYS_ADMIN",
                                                               "SYS_BOOT",
                                                               "SYS_NICE",
                                                               "SYS_RESOURCE",
                                                               "SYS_TIME",
                                                               "SYS_TTY_CONFIG",
                                                               "MKNOD",
                                                               "LEASE",
                                                               "AUDIT_WRITE",
                                                               "AUDIT_CONTROL",
                                                               "SETFCAP",
                                                               "MAC_OVERRIDE",
                                                               "MAC_ADMIN",
                                                               "SYSLOG",
                                                               "WAKE_ALARM",
                                                               "BLOCK_SUSPEND",
                                                               "AUDIT_READ",
                                                               "PERFMON",
                                                               "BPF",
                                                               "CHECKPOINT_RESTORE"};

}  // namespace

std::optional<int> parse_cap(std::string_view name) {
  if (!name.starts_with("CAP_")) return std::nullopt;
  name.remove_prefix(4);
  for (std::size_t i = 0; i < kNames.size(); ++i)
    if (kNames[i] == name) return static_cast<int>(i);
  return std::nullopt;
}

CapMask own_effective_caps() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct data[2] = {};
  if (::syscall(SYS_capget, &header, data) < 0) throw Error::from_errno("read own capabilities");
  return data[0].effective | (CapMask{data[1].effective} << 32);
}

void raise_capabilities() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct data[2] = {};
  if (::syscall(SYS_capget, &header, data) < 0) throw Error::from_errno("read own capabilities");
  for (auto& half : data) half.effective = half.permitted;
  if (::syscall(SYS_capset, &header, data) < 0) throw Error::from_errno("raise capabilities");
}

void drop_capabilities(CapMask keep) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct data[2] = {};
  if (::syscall(SYS_capget, &header, data) < 0) throw Error::from_errno("read own capabilities");
  for (unsigned i = 0; i < 2; ++i) {
    data[i].permitted &= static_cast<std::uint32_t>(keep >> (32 * i));
    data[i].effective = data[i].permitted;
    data[i].inheritable = 0;
  }
  if (::syscall(SYS_capset, &header, data) < 0) throw Error::from_errno("drop capabilities");
}

void drop_capabilities_for_good(CapMask keep) {
  for (int cap = 0; cap < 64; ++cap) {
    if ((keep >> cap & 1U) != 0 || ::prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0) continue;
    if (errno == EINVAL) break;  // the kernel knows none from here on
    throw Error::from_errno("drop capabilities");
  }
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) throw Error::from_errno("set no_new_privs");
  drop_capabilities(keep);
}

}  // namespace rkt
