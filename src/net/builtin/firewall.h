// SPDX-License-Identifier: Apache-2.0
// Address translation for pods: our one table, inet rkt, made when it is first needed and never flushed
// (docs/devel/network.md draws it). A pod is elements of its sets and maps, each with the pod's name as comment: what
// one port costs does not grow with pods or ports, and nothing is removed that is not the pod's.
#pragma once

#include <string>
#include <vector>

#include "net/builtin/config.h"
#include "net/builtin/nft.h"

namespace rkt::net::builtin {

enum class Snat { none, own_network, all };  ///< whose forwarded connections come from the host's address

/// What one attachment of a pod has in the table.
struct Translation {
  std::string owner;  ///< the comment
  std::vector<Cidr> addresses;
  bool masquerade = false;
  std::vector<PortMapping> ports;
  Snat snat = Snat::none;
  std::string link;  ///< of the host towards the pod; may see connections that came to 127.0.0.1. "": none may
  bool link_is_shared = false;  ///< a bridge: its element stays
};

/// Its elements. Pure.
std::vector<nft::Element> plan_elements(const Translation& t);
/// The table with everything that `t` needs but its elements; can be repeated. Pure.
std::vector<netlink::Message> plan_table(const Translation& t);

/// Whether the kernel has nftables.
bool can_translate();
/// All or nothing. Throws Errc::busy "port tcp-0.0.0.0:80 is already forwarded to pod UUID".
void add_translation(const Translation& t);
/// Whether all its elements are there, and its own.
bool has_translation(const Translation& t);
/// Removes those elements that are the owner's. No table, no elements: fine.
void remove_translation(const Translation& t);
/// The same for everything of a container, found by looking through the table: for when nothing else is known.
void sweep_translation(const std::string& container_id);
}  // namespace rkt::net::builtin
