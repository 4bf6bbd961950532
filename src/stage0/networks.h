// SPDX-License-Identifier: Apache-2.0
// Networks and the pods on them, for `rkt net`: from configuration files, POD/net-info.json, POD/ports, and of pods of
// our own stage1 POD/net-state.json, which knows all addresses.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pod/pod.h"
#include "stage0/ports.h"

namespace rkt::stage0 {

/// A pod's interface on a network. Also of a pod that has ended and was not collected: it still has its addresses.
struct NetworkMember {
  Uuid pod;
  std::string pod_name;  ///< or ""
  pod::State state = pod::State::running;
  std::string if_name;
  std::vector<std::string> addresses;  ///< with prefix length where that is known
  std::vector<Forward> ports;
  std::optional<std::string> fault;  ///< what CHECK complains of
};

struct NetworkReport {
  std::string name, cni_version;
  std::vector<std::string> plugins;
  std::string file;        ///< its configuration; "": built in; see also `configured`
  bool configured = true;  ///< false: there are pods on it, but no configuration any more
  bool served_by_rkt = false;
  std::optional<std::string> fault;  ///< what STATUS complains of
  std::vector<NetworkMember> members;
};

/// `ask`: also the plugins, how the networks (STATUS) and the interfaces of running pods (CHECK) are; needs root.
std::vector<NetworkReport> report_networks(const pod::Pods& pods, const std::string& local_config, bool ask);

}  // namespace rkt::stage0
