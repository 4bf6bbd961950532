// SPDX-License-Identifier: Apache-2.0
// Finding and running CNI plugins: other people's programs, run as root in the host's network namespace with an
// environment that holds PATH and CNI_* only (reference: networking §3, §14.3).
#pragma once

#include <chrono>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "schema/cni/network.h"

namespace rkt::net {

/// <lcd>/net.d, /usr/lib/rkt/plugins/net, /usr/lib/cni, /opt/cni/bin: in this order, also CNI_PATH.
std::vector<std::string> plugin_path(const std::string& local_config);

/// The first regular file of that name. Throws `Could not find plugin "TYPE"`; a type with a slash is refused.
std::string plugin_program(const std::vector<std::string>& path, const std::string& type);

struct PluginCall {
  std::string command;  ///< ADD, DEL, CHECK: with a container; GC, STATUS, VERSION: without
  std::string exe;
  std::string container_id;
  std::string netns;  ///< "" on DEL: the namespace is gone
  std::string if_name;
  std::string args;
  std::vector<std::string> path;
  std::string stdin_bytes;
  std::chrono::milliseconds patience = std::chrono::seconds(10);  ///< after that it is said that it does not answer
};

/// The environment of a call, pure but for PATH, which the caller gives.
std::vector<std::string> plugin_environment(const PluginCall& call, const std::string& path_variable);

/// stdout of a plugin that succeeded, or what it said. Throws when it could not be run or said nothing that can be
/// read. Waits without a limit: what a plugin has begun only it can take back.
std::expected<std::string, cni::PluginError> try_plugin(const PluginCall& call);
/// The same; what the plugin said is thrown: "MSG" or "MSG; DETAILS".
std::string run_plugin(const PluginCall& call);

/// The versions that a plugin speaks (VERSION); none: it does not say.
std::vector<std::string> plugin_versions(const std::string& exe);

}  // namespace rkt::net
