// SPDX-License-Identifier: Apache-2.0
// Kernel parameters of a pod (isolator os/unix/sysctl): only those that a namespace of the pod's own keeps.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rkt::native {

/// Path below /proc/sys, and value.
using Sysctls = std::vector<std::pair<std::string, std::string>>;

/// Which namespaces are not the host's.
struct PodNamespaces {
  bool network = true, ipc = true;
};

/// "net.ipv4.conf.eth0/1.forwarding" -> "net/ipv4/conf/eth0.1/forwarding": what comes first separates. Throws for what
/// is no name.
std::string sysctl_path(std::string_view name);

/// Adds `wanted` to `out`. Pure; throws Errc::unsupported for a parameter of the host, and for one that is to have two
/// values.
void add_sysctls(const Sysctls& wanted, const PodNamespaces& own, Sysctls& out);

/// Adds what add_sysctls() made for an app to those of its pod; throws for one that is to have two values.
void merge_sysctls(const Sysctls& app, Sysctls& pod);

/// Writes them; `proc`: a /proc of the pod's. In the pod's namespaces. With `denied`, those go there that the kernel
/// leaves to somebody else: since Linux 5.19 the IPC namespace's belong to root of its users alone.
void apply_sysctls(int proc, const Sysctls& sysctls, Sysctls* denied = nullptr);

}  // namespace rkt::native
