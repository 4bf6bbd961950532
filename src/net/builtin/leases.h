// SPDX-License-Identifier: Apache-2.0
// Addresses out of ranges, in the files of the host-local plugin and under its lock, so that both can serve one network
// at the same time:
//
//   DIR/lock                  flock(2)ed while anything in DIR is looked at or changed
//   DIR/ADDRESS               held by the container whose ID is its first line; the second is the interface
//   DIR/last_reserved_ip.N    where the search of range set N goes on
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/builtin/address.h"
#include "net/builtin/config.h"

namespace rkt::net::builtin {

/// An address that was given, with its network's prefix and gateway.
struct Lease {
  Cidr address;
  Ip gateway;
};

struct Owner {
  std::string container_id, if_name;
};

/// Looks for a free address in the order of host-local: from the one after `last` (when it is in the set) round to it,
/// never a gateway. `take` tries to take one. Pure but for that.
std::optional<Lease> search(const RangeSet& set, const std::optional<Ip>& last,
                            const std::function<bool(const Ip&)>& take);

/// One address out of each range set, or none at all: throws host-local's texts ("no IP addresses available in range
/// set: …", "requested IP address …").
std::vector<Lease> allocate(const Ipam& ipam, const Owner& owner);

/// The addresses that `owner` holds in `dir`; no directory: none. An empty interface name: of any.
std::vector<Ip> find_leases(const std::string& dir, const Owner& owner);

/// Gives back what `owner` holds there; the given addresses alone when there are any. Missing ones are fine, and what
/// another holds stays.
void release(const std::string& dir, const Owner& owner, const std::vector<Ip>& known);

/// Whether the content of a lease file is this owner's: current ("ID\r\nIF") and old ("ID") form.
bool is_lease_of(std::string_view content, const Owner& owner);

}  // namespace rkt::net::builtin
