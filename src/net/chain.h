// SPDX-License-Identifier: Apache-2.0
// One operation on an attachment, by the built-in or by each plugin of its chain: ADD and CHECK in order, DEL in
// reverse (reference: networking §14.3 to §14.6).
#pragma once

#include <string>
#include <vector>

#include "net/state.h"
#include "schema/cni/network.h"

namespace rkt::net {

/// For whom.
struct ChainCall {
  std::string container_id;
  std::string netns;              ///< path; "" on DEL: the namespace is gone
  std::vector<std::string> path;  ///< where plugins are
};

/// Leaves the result in `a`. Whatever fails leaves what detach() removes.
cni::Result attach(Attachment& a, const ChainCall& call);
/// Every step is tried; then the first failure is thrown. A container that a plugin does not know is fine.
void detach(const Attachment& a, const ChainCall& call);
/// Throws what is not as ADD left it. Versions before CHECK, and networks that disable it: nothing is looked at.
void check(const Attachment& a, const ChainCall& call);

/// The newest of `versions` (newest first) that all plugins speak; those that do not say are not asked again. Throws
/// when there is none.
std::string negotiate(const std::vector<std::string>& versions, const std::vector<std::string>& plugins);

}  // namespace rkt::net
