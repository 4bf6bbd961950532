// SPDX-License-Identifier: Apache-2.0
// Socket activation, sd_listen_fds(3), through the pod's boundary (docs/devel/stage1-native.md; reference: networking
// §6.6).
//
//   service manager --LISTEN_FDS--> outer: each socket goes to the app with a port for it, else is closed, and said so
//                                   init: ports that none came for get one in the pod's network
//                                   app: 3, 4, … in the order of its ports; nobody else in the pod has them
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "net/network.h"
#include "stage1/native/pod.h"
#include "sys/fd.h"

namespace rkt::native {

/// A port of an app whose socket somebody else makes.
struct SocketPort {
  std::string app, name;
  int type = 0;  ///< SOCK_STREAM, SOCK_DGRAM
  std::uint16_t host_port = 0, pod_port = 0;
};

/// Of all apps that start together: an image must not fill pid 1's table of descriptors. Twice as many, and what else
/// it has open, fit below the usual soft limit of 1024.
constexpr std::size_t kMostSockets = 256;

/// Those of the app that are "socketActivated", one for each number of a range. Throws for more than kMostSockets.
std::vector<SocketPort> plan_sockets(const PodApp& app, const std::vector<appc::ExposedPort>& exposed,
                                     const std::function<void(std::string_view)>& warn);

/// What the service manager passed to this process.
struct PassedSocket {
  UniqueFd fd;
  std::string name;  ///< of LISTEN_FDNAMES; "": none
};
/// From the environment; they are close-on-exec from here on. Throws when a descriptor is missing. `lock`: the pod's.
std::vector<PassedSocket> take_passed_sockets(int lock);

/// What one app gets, in this order.
struct AppSocket {
  SocketPort port;
  UniqueFd fd;  ///< empty: to be made
  std::string name;
};
using AppSockets = std::vector<AppSocket>;

enum class SocketNetwork : std::uint8_t { own, host };  ///< of the pod

/// One list an app. A socket goes to the port of its kind and number, which is the only one, or
/// this throws; what is for nobody is closed with a
/// warning. In the host's network, where pid 1 has the host's rights, an image does not choose what is listened on: a
/// port that no socket came for gets none, with a warning.
std::vector<AppSockets> give_sockets(std::vector<PassedSocket> passed,
                                     const std::vector<std::vector<SocketPort>>& wanted, SocketNetwork network,
                                     const std::function<void(std::string_view)>& warn);

/// Listens where nobody does yet, on all addresses, in this process's network.
void make_missing_sockets(AppSockets& sockets);

/// Whether a socket that was passed belongs to a network that this process may change, and so may an app with the same
/// capabilities: a socket keeps the network that it was made in.
bool belong_to_ruled_network(const std::vector<AppSockets>& sockets);

/// The host's port of a socket that was passed is not to be led into the pod as well.
void drop_forwards(const std::vector<AppSockets>& sockets, std::vector<net::PortForward>& forwards);

}  // namespace rkt::native
