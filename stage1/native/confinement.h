// SPDX-License-Identifier: Apache-2.0
// What an app's processes are confined by: capabilities, no_new_privs and the seccomp program. Pure, from isolators;
// `run` and `enter` make the same of the same app (reference: pods §5.3, §5.4).
#pragma once

#include <linux/capability.h>
#include <linux/filter.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schema/appc/isolators.h"
#include "stage1/native/options.h"
#include "sys/caps.h"
#include "sys/seccomp.h"

namespace rkt::native {

/// CAP_AUDIT_WRITE … CAP_SYS_CHROOT: the 14 of the reference.
constexpr CapMask kDefaultCaps = 0xa80425fb;
/// What rules the network that a socket belongs to, wherever the process is: routes, addresses and packet filters by
/// way of any socket's ioctl(2) and setsockopt(2), packets from false addresses.
constexpr CapMask kNetworkCaps = cap_bit(CAP_NET_ADMIN) | cap_bit(CAP_NET_RAW);

/// What a security module confines a program by: written into the process's attribute before it is executed.
struct ExecLabel {
  enum class Module { selinux, apparmor } module = Module::selinux;
  std::string text;
  bool of_pod = false;                ///< not the app's own
  const char* file() const noexcept;  ///< below /proc
};

struct Confinement {
  CapMask caps = 0;  ///< bounding set
  std::optional<ExecLabel> label;
  bool no_new_privs = false;
  std::optional<std::vector<sock_filter>> filter;
  std::vector<std::string> warnings;
};

/// Retain: the union of the sets. Remove: the default set without them. Neither: the default. Both: throws. Names that
/// are no capabilities grant and remove nothing, and are warned about.
CapMask plan_caps(const appc::Isolators& isolators, std::vector<std::string>& warnings);

/// Which rules the isolator means; nullopt: no filter at all ("@appc.io/all" retained). An unknown wildcard throws: the
/// reference drops it, and so leaves more open than was asked for.
std::optional<SeccompRules> plan_seccomp(const appc::SeccompSet& set);

/// Throws when this kernel does not have the module, or its policy not the context: what was asked for is never left
/// out.
void check_label_support(const ExecLabel& label);

/// `arch` is the image's, as appc names it: "" as good as this machine's.
Confinement plan_confinement(const appc::Isolators& isolators, uid_t uid, const Restrictions& restrictions,
                             std::string_view arch = {});

}  // namespace rkt::native
