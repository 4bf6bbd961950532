// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/namespaces.h"

#include "net/netns.h"
#include "sys/rootless.h"

namespace rkt::native {

OwnedNamespaces make_namespaces(const RunOptions& options) {
  OwnedNamespaces made;
  if (options.users) {
    made = make_owned_namespaces(*options.users);
    net::open_loopback(made.network.get());
  } else if (options.net.contained() && known_ids() == Ids::all) {
    made.network = net::make_netns();
  }
  return made;
}

}  // namespace rkt::native
