// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/namespaces.h"

#include "net/netns.h"
#include "sys/rootless.h"

namespace rkt::native {

Beside<OwnedNamespaces> begin_namespaces(const RunOptions& options) {
  if (options.users)
    return Beside<OwnedNamespaces>([range = *options.users] {
      OwnedNamespaces made = make_owned_namespaces(range);
      net::open_loopback(made.network.get());
      return made;
    });
  if (!options.net.contained() || known_ids() != Ids::all) return {};
  return Beside<OwnedNamespaces>(
      [] { return OwnedNamespaces{.user = {}, .network = net::make_netns(), .ipc = {}, .uts = {}}; });
}

}  // namespace rkt::native
