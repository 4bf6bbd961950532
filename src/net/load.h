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
  std::string list;  ///< not "": one plugin of the list of this name (DIR/LIST/NAME), no network of its own
};

/// `*.conf` and `*.conflist` of <lcd>/net.d in byte order of their names, and what is in directories there; a missing
/// directory is empty.
std::vector<ConfigFile> read_config_dir(const std::string& local_config);
/// The same of a directory that other container engines read too (/etc/cni/net.d): also `*.json`.
std::vector<ConfigFile> read_shared_dir(const std::string& path = "/etc/cni/net.d");
/// 99-default.conf and 99-default-restricted.conf.
std::vector<ConfigFile> builtin_configs();

/// Where networks come from, strongest first.
struct Sources {
  std::vector<ConfigFile> user, builtin, shared;
  static Sources read(const std::string& local_config);
};

/// One network of the pod.
struct Network {
  cni::NetworkConfig config;
  std::string file;     ///< base name of its configuration, made unique among the pod's
  std::string if_name;  ///< eth0, eth1, …
  std::string args;     ///< as typed: arguments.h
};

/// Every file of the administrator's is parsed, even one that is not asked for: a malformed one is an error. Shared
/// files serve names that nobody else has and are no part of "all"; one that cannot be read is skipped. Throws
/// "networks not found: A, B".
std::vector<Network> select_networks(const Sources& sources, const cni::NetList& wanted);

/// Every network that there is, each name once, in byte order of the files; of shared files those that can be read.
struct Available {
  cni::NetworkConfig config;
  std::string file, dir;  ///< dir "": built in
  bool shared = false;
};
std::vector<Available> list_networks(const Sources& sources);

}  // namespace rkt::net
