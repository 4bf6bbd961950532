// SPDX-License-Identifier: Apache-2.0
// Which networks a pod joins, in which order: configuration files of the administrator, then the built-in ones
// (reference: networking §2). Choosing is pure; only read_config_dir() looks at files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "schema/cni/network.h"

namespace rkt::net {

struct ConfigFile {
  std::string name;  ///< base name: decides the order
  std::string dir;   ///< for messages; "" for a built-in one
  std::string bytes;
};

/// `*.conf` and `*.conflist` of <lcd>/net.d in byte order of their names; a missing directory is empty.
std::vector<ConfigFile> read_config_dir(const std::string& local_config);
/// 99-default.conf and 99-default-restricted.conf.
std::vector<ConfigFile> builtin_configs();

/// One network of the pod.
struct Network {
  cni::NetworkConfig config;
  std::string file;     ///< base name of its configuration, made unique among the pod's
  std::string if_name;  ///< eth0, eth1, …
  std::string args;     ///< CNI_ARGS
};

/// Every file is parsed, even one that is not asked for: a malformed one is an error. Throws "networks not found: A,
/// B".
std::vector<Network> select_networks(const std::vector<ConfigFile>& user, const std::vector<ConfigFile>& builtin,
                                     const cni::NetList& wanted);

}  // namespace rkt::net
