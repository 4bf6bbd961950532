// SPDX-License-Identifier: Apache-2.0
// CNI network configuration, result and error documents (spec 0.1.0 to 1.1.0, network configuration lists included),
// and the --net flag of rkt (networking §1). The file bytes of a plain configuration go to the plugin unmodified.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "json/value.h"

namespace rkt::cni {

/// One plugin of a network.
struct Plugin {
  std::string type;
  json::Object config;  ///< its own object; name and cniVersion are added at the call for lists
};
struct NetworkConfig {
  std::string name;
  std::string cni_version;            ///< the newest of `versions`
  std::vector<std::string> versions;  ///< cniVersion and cniVersions, those that are spoken here, newest first
  std::vector<Plugin> plugins;        ///< one for a .conf file
  std::string bytes;                  ///< of the file
  bool is_list = false;
  bool ip_masq = false;  ///< of the first plugin: port forwarding prefers such a network
  bool disable_check = false, disable_gc = false;
  bool only_inlined = false;  ///< a list without plugins in files beside it
};
/// `beside`: plugin objects of a list that are in NAME/*.conf beside it, unless it says loadOnlyInlinedPlugins.
NetworkConfig parse_network(std::string_view bytes, bool is_list, const std::vector<std::string>& beside = {});
/// The name alone, for finding those files.
std::string network_name(std::string_view bytes);

/// What rkt keeps of a result, of any version.
struct Result {
  struct Address {
    std::string ip;  ///< without prefix length
    int prefix = 0;
    std::string gateway;  ///< or ""
    bool v6 = false;
  };
  std::vector<Address> ips;
  struct Dns {
    std::vector<std::string> nameservers, search, options;
    std::string domain;
    bool empty() const { return nameservers.empty() && search.empty() && options.empty() && domain.empty(); }
  } dns;
  json::Value raw;  ///< handed on as prevResult
};
Result parse_result(std::string_view bytes, std::string_view network);
/// A plugin's error document.
struct PluginError {
  static constexpr int kUnknownContainer = 3, kTryLater = 11, kNotAvailable = 50, kDegraded = 51;
  int code = 0;
  std::string text;  ///< "MSG" or "MSG; DETAILS"
};
std::optional<PluginError> parse_error(std::string_view bytes);  ///< nullopt when it is none
/// What VERSION answers.
std::vector<std::string> parse_versions(std::string_view bytes);

/// --net: NAME[:ARGS], comma separated and repeated; texts of networking §1.1. ARGS with a "=" may hold colons: an
/// address of IPv6, a MAC.
struct NetRequest {
  std::string name, args;
};
struct NetList {
  std::vector<NetRequest> networks;  ///< unordered by contract; kept as typed
  bool has(std::string_view name) const;
  bool host() const { return has("host"); }
  bool none() const { return has("none"); }
  bool contained() const { return !host() && !networks.empty(); }
  std::string str() const;                                       ///< the value of --net= for stage1
  static NetList parse(const std::vector<std::string>& values);  ///< each occurrence of the flag
};

/// One element of POD/net-info.json (networking §5.2), this key order.
struct NetInfo {
  std::string net_name, net_conf, plugin_path, if_name, ip, args, mask;
};
std::vector<NetInfo> parse_net_info(std::string_view bytes);
std::string write_net_info(const std::vector<NetInfo>& infos);

}  // namespace rkt::cni
