// SPDX-License-Identifier: Apache-2.0
// Ports of a pod that the host forwards: each must belong to exactly one app, and no two may meet on the host, neither
// of one pod nor of two.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schema/appc/pod_manifest.h"

namespace rkt::stage0 {

/// A port of the host that leads to one of the pod.
struct Forward {
  std::string protocol;  ///< tcp, udp, sctp
  std::string host_ip;   ///< as inet_ntop(3) writes it; "": all addresses
  std::uint16_t host_port = 0, pod_port = 0;
  bool meets(const Forward& o) const;
  std::string str() const;  ///< "tcp-0.0.0.0:80", "tcp-[::1]:80"
  bool operator==(const Forward&) const = default;
};

/// Ranges (ExposedPort::count) become single ports that say where they lead: the app's port of that name must have as
/// many. Throws `port "N" has 1 port, but 10 ports of the host are to lead there`.
std::vector<appc::ExposedPort> expand_ranges(const std::vector<appc::ExposedPort>& ports,
                                             const std::vector<const appc::App*>& apps);

/// Throws `port name "N" could not be found in any apps`, `port name "N" defined multiple apps`, `port tcp-0.0.0.0:80
/// already mapped to pod port 80`. `apps`: the app sections as they will run.
std::vector<Forward> resolve_ports(const std::vector<appc::ExposedPort>& ports,
                                   const std::vector<const appc::App*>& apps);

/// POD/ports: a line "PROTOCOL HOSTIP HOSTPORT PODPORT" each; HOSTIP "*": all addresses.
std::string write_forwards(const std::vector<Forward>& forwards);
std::vector<Forward> parse_forwards(std::string_view text);  ///< lines that are none are skipped

/// The first of `wanted` that meets one of `taken`.
std::optional<Forward> find_meeting(const std::vector<Forward>& wanted, const std::vector<Forward>& taken);

}  // namespace rkt::stage0
