// SPDX-License-Identifier: Apache-2.0
// Rules that plugins leave on the host when they cannot find the pod's address any more (a lost network namespace: the
// reference plugins' DEL then releases the address and stops). Every rule of theirs carries a comment with the
// container ID.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/uuid.h"

namespace rkt::net {

/// The words of one line of `iptables -S`: blanks separate, double quotes group, a backslash escapes inside them.
std::vector<std::string> split_rule(std::string_view line);

/// The commands (arguments for iptables) that remove this container's rules and chains from a table whose `-S` listing
/// is given: jumps first, then flush and removal of the chains they led to. Pure.
std::vector<std::vector<std::string>> plan_rule_removal(std::string_view listing, const std::string& container_id);

/// Applies it to the nat tables of IPv4 and IPv6. No iptables on the host: nothing was made with it.
void remove_leftover_rules(const Uuid& uuid);

}  // namespace rkt::net
