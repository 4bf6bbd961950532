// SPDX-License-Identifier: Apache-2.0
// ADD and DEL of the networks that need no other program: ptp, bridge, host-local, loopback, portmap
// (docs/devel/network.md). Configurations, results and lease files are those of the reference plugins.
//
//   add:  lease -> links, addresses, routes -> translation
//   del:  translation -> link down -> lease
//
// Killed in between, del() with the same call and no result finds what there is: leases by their content, links in the
// pod's namespace, elements by their comment.
#pragma once

#include <optional>
#include <string>

#include "json/value.h"
#include "net/builtin/config.h"

namespace rkt::net::builtin {

struct Call {
  std::string container_id, if_name;
  std::string netns;  ///< path; "" in del(): the namespace is gone

  /// Whose something on the host is, for who takes it away: the alias of a link, the comment of an element.
  std::string owner() const;
};

/// Whether this kernel can serve it.
bool can_serve(const Network& network);

/// What add() made: the document for others, in the form of the network's version, and all of it for del().
struct Added {
  json::Value result, record;
};
/// In the host's network namespace, single-threaded. Whatever fails leaves what del() removes.
Added add(const Network& network, const Call& call);
/// Can be repeated. `record`: of add(), if it came to its end.
void del(const Network& network, const Call& call, const json::Value* record);
/// Throws the first thing that is not (or no longer) as add() made it: leases, links, addresses, translation.
void check(const Network& network, const Call& call, const json::Value& record);
/// Everything that a container may have left in lease files below the usual directory and in the firewall, for when
/// nothing is recorded of it.
void sweep(const std::string& container_id);

}  // namespace rkt::net::builtin
