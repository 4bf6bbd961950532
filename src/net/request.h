// SPDX-License-Identifier: Apache-2.0
// What goes to a plugin on its standard input, and the chain of plugins that a network becomes: pure
// (reference: networking §14.4; port forwarding: the portmap plugin at the end of the chain).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "json/value.h"
#include "net/network.h"
#include "schema/cni/network.h"

namespace rkt::net {

/// One plugin call of an attachment, as it is kept for DEL: the plugin's own object with name, cniVersion and
/// runtimeConfig in, capabilities out; prevResult is added at the call.
struct Step {
  std::string type;
  json::Object config;
  std::string bytes;  ///< of a .conf whose object is unchanged: handed on exactly as it was read; else ""
};

/// The steps of a network in version config.cni_version. `values` (capability -> value) go to every plugin that
/// declares the capability; Errc::usage: none does. `ports` (those of the one network that forwards) are the value of
/// portMappings; when no plugin declares that, a portmap step is added.
std::vector<Step> plan_steps(const cni::NetworkConfig& config, const std::vector<PortForward>& ports,
                             const json::Object& values = {});

/// Which network forwards ports: the first that masquerades, else the last. `count` > 0.
std::size_t forwarding_network(const std::vector<bool>& masquerades);

/// Standard input of one call.
std::string plugin_input(const Step& step, const json::Value* prev_result);

/// Standard input of GC: the attachments that are still valid, under both names that are in use.
struct AttachmentName {
  std::string container_id, if_name;
  auto operator<=>(const AttachmentName&) const = default;
};
std::string gc_input(const Step& step, const std::vector<AttachmentName>& valid);

/// A result in the form that chained plugins of 0.3.0 and later read; from `raw` when it is in it already.
json::Value chained_result(const cni::Result& result, std::string_view cni_version, std::string_view if_name,
                           std::string_view netns);

/// Throws when a port has an address of the host's of a family that the pod has no address of.
void check_families(const std::vector<PortForward>& ports, const cni::Result& result);

/// The element of POD/net-info.json: the first IPv4 address, "" when there is none.
cni::NetInfo net_info(const std::string& name, const std::string& file, const std::string& if_name,
                      const std::string& args, const std::string& plugin, const cni::Result& result);
/// "255.255.255.0" for 24.
std::string dotted_mask(int prefix);

}  // namespace rkt::net
