// SPDX-License-Identifier: Apache-2.0
// hosts and resolv.conf of a pod: their text, and which app sees which (reference: networking §8, pods §4.4). Also
// hostname and machine-id, which stage1 alone has.
#pragma once

#include <string>
#include <string_view>

#include "schema/cni/network.h"
#include "stage1/native/mount_plan.h"
#include "stage1/native/options.h"
#include "stage1/native/pod.h"

namespace rkt::native {

/// `hosts` with the name added to the line of 127.0.0.1, or a new line for it.
std::string with_hostname(std::string_view hosts, std::string_view hostname);

/// The file that a network's DNS makes.
std::string resolv_conf(const cni::Result::Dns& dns, std::string_view network);

/// What lies on /etc/hosts and /etc/resolv.conf of an app, on top of its volumes. `generated_resolv`: S1 has one.
struct EtcChoice {
  ResolvMode resolv = ResolvMode::by_flavor;
  HostsMode hosts = HostsMode::from_image;
  bool generated_resolv = false;
  bool app_has_hosts = false;  ///< in its image, or as a volume
  bool read_only = false;      ///< as the app's root is
};
std::vector<MountOp> plan_etc(const EtcChoice& choice);

/// Makes the directory and writes the host name into the hosts file that is in use.
void write_hosts(const Pod& pod, const RunOptions& options, const std::string& hostname, bool fallback_hosts);

/// After write_hosts(). hostname and machine-id, which no app sees.
void write_identity(const Pod& pod, const RunOptions& options, const std::string& hostname);

/// After write_hosts(). Writes resolv.conf when a network gave one. Returns whether S1 has one, by whomever.
bool write_resolv_conf(const Pod& pod, const RunOptions& options, const std::optional<cni::Result::Dns>& dns,
                       const std::string& network);

}  // namespace rkt::native
