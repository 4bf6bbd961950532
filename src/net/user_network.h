// SPDX-License-Identifier: Apache-2.0
// The network of an ordinary user's pod: pasta (package passt) or slirp4netns carries what the pod sends into sockets
// of the user's own. It does so from a namespace between the pod's and the host's, which passes on what the kernel
// takes for routable: of what comes straight from a pod these programs also pass on what is for 127.0.0.1. The pod has
// one interface, eth0, with the address 10.0.2.130; the host's name servers answer at 10.0.2.3; nothing of the host's
// loopback is reachable, and no port of the pod from outside (docs/devel/rootless.md).
#pragma once

#include <string>
#include <vector>

#include "schema/cni/network.h"
#include "sys/fd.h"

namespace rkt::net {

inline constexpr const char* kUserAddress = "10.0.2.130";
inline constexpr const char* kUserNameServer = "10.0.2.3";

/// Pure: the command line of a program of that name; `netns`: the path of the namespace between. Everything in it is
/// ours.
std::vector<std::string> user_network_argv(const std::string& exe, const std::string& netns);

/// The program, in a pid namespace of its own whose first process is a copy of this one: it ends with this process, or
/// with the object, and however deep it went into the background.
class UserNetwork {
 public:
  UserNetwork() = default;
  UserNetwork(UserNetwork&&) noexcept = default;
  UserNetwork& operator=(UserNetwork&&) noexcept;
  ~UserNetwork();
  /// Returns when the pod whose namespace `netns` (borrowed) is has its interface, and it leads out. Single-threaded
  /// callers only. Throws, with a remedy when neither program is installed, or when it is not up after ten seconds.
  static UserNetwork start(int netns);
  /// In a copy of this process: the program is somebody else's.
  void forget() noexcept { keeper_.reset(); }

 private:
  void end() noexcept;
  UniqueFd keeper_;  // pidfd
};

/// What POD/net-info.json says of it.
cni::NetInfo user_network_info();

}  // namespace rkt::net
