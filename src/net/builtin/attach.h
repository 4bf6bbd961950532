// SPDX-License-Identifier: Apache-2.0
// The pair of links between the host and a pod, and what is behind it on the host: nothing (ptp) or a bridge.
#pragma once

#include <string>
#include <vector>

#include "net/builtin/builtin.h"
#include "net/builtin/leases.h"
#include "net/builtin/result.h"

namespace rkt::net::builtin {

Result attach_ptp(const Network& network, const Call& call, const std::vector<Lease>& leases);
Result attach_bridge(const Network& network, const Call& call, const std::vector<Lease>& leases);

/// Nothing passes any more, and no route of the host leads there. The pair itself is removed while nobody waits for it,
/// which would take tens of milliseconds: not left to the end of the pod's namespace, which a connection that was cut
/// off may keep for minutes. `peer`: its end on the host, looked at first, as it may have come to be another pod's; ""
/// when add() did not say: then the pair is removed at once.
void detach_link(const Call& call, const std::string& peer);

/// Throws when the pod's link or its end on the host is gone or down, or an address is missing.
void check_link(const Call& call, const std::string& peer, const std::vector<Cidr>& addresses);

/// Lets connections to 127.0.0.1 that are forwarded leave by this link (route_localnet). The guard chain refuses what
/// would come in for 127.0.0.0/8.
void allow_local_source(const std::string& link);

/// In this network namespace nothing that comes in for 127.0.0.0/8 is passed on, whatever the host's settings say that
/// it began with. Loopback must be up. Links that are made after this only.
void refuse_local_destinations();

}  // namespace rkt::net::builtin
