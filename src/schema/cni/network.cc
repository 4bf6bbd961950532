// SPDX-License-Identifier: Apache-2.0
#include "schema/cni/network.h"

#include <arpa/inet.h>

#include <algorithm>
#include <functional>

#include "base/error.h"
#include "base/strings.h"
#include "json/reader.h"
#include "schema/cni/version.h"

namespace rkt::cni {
namespace {

constexpr json::Limits kLimits{.bytes = std::size_t{1} << 20, .depth = 32};

Plugin read_plugin(const json::Reader& in) {
  const std::string type = in.text_or("type", "");
  if (type.empty()) in.fail("the network has no plugin type");
  // The type becomes a file name in the plugin directories.
  if (type.find('/') != std::string::npos || type == "." || type == ".." || type.find('\0') != std::string::npos)
    in.fail(cat("plugin type ", quoted(type), " is not a file name"));
  return {.type = type, .config = *in.value().as_object()};
}

// "10.1.2.3/24" -> address and prefix.
void read_cidr(const json::Reader& in, Result::Address& a) {
  const std::string& text = in.text();
  const auto slash = text.find('/');
  a.ip = text.substr(0, slash);
  unsigned char buf[16];
  a.v6 = ::inet_pton(AF_INET6, a.ip.c_str(), buf) == 1;
  if (!a.v6 && ::inet_pton(AF_INET, a.ip.c_str(), buf) != 1) in.fail(cat(quoted(text), " is not an IP address"));
  const int bits = a.v6 ? 128 : 32;
  a.prefix = bits;
  if (slash == std::string::npos) return;
  const auto n = parse_int<int>(std::string_view(text).substr(slash + 1));
  if (!n || *n < 0 || *n > bits) in.fail(cat(quoted(text), " has no valid prefix length"));
  a.prefix = *n;
}

bool only_blank(std::string_view s) { return trim(s).empty(); }

// cniVersion and cniVersions: what is newer than we are is for others.
std::vector<std::string> read_versions(const json::Reader& in) {
  std::vector<Version> known;
  std::string newest;
  const auto add = [&](const json::Reader& text) {
    const auto v = Version::parse(text.text());
    if (!v) text.fail(cat(quoted(text.text()), " is no version of CNI"));
    newest = text.text();
    if (*v <= kNewestVersion && std::ranges::find(known, *v) == known.end()) known.push_back(*v);
  };
  const auto single = in.find("cniVersion");
  if (single && !single->text().empty()) add(*single);
  for (const auto& text : in.items("cniVersions")) add(text);
  if (newest.empty()) return {kOldestVersion.str()};
  if (known.empty())
    in.fail(cat("the network needs version ", newest, " of CNI, and ", kNewestVersion.str(), " is spoken here"));
  std::ranges::sort(known, std::greater());
  std::vector<std::string> out;
  for (const auto& v : known) out.push_back(v.str());
  return out;
}

// A boolean, or its name in any case.
bool read_switch(const json::Reader& in, std::string_view member) {
  const auto found = in.find(member);
  if (!found) return false;
  if (found->value().as_string() == nullptr) return found->boolean();
  const std::string text = lower(found->text());
  if (text != "true" && text != "false") found->fail("expected true or false");
  return text == "true";
}

void read_plugins(const json::Reader& in, const std::vector<std::string>& beside, NetworkConfig& out) {
  const bool inlined = in.find("plugins").has_value();
  for (const auto& p : in.items("plugins")) out.plugins.push_back(read_plugin(p));
  if (inlined && out.plugins.empty()) in.fail("the network list has no plugins");
  if (!inlined && out.only_inlined) in.fail("loadOnlyInlinedPlugins without plugins");
  if (out.only_inlined) return;
  for (const auto& bytes : beside) {
    const json::Value value = json::parse(bytes, kLimits);
    out.plugins.push_back(read_plugin(json::Reader(value, cat(out.name, "/"))));
  }
  if (out.plugins.empty()) in.fail("the network list has no plugins");
}

}  // namespace

std::string network_name(std::string_view bytes) {
  const json::Value value = json::parse(bytes, kLimits);
  return json::Reader(value).text_or("name", "");
}

NetworkConfig parse_network(std::string_view bytes, bool is_list, const std::vector<std::string>& beside) {
  const json::Value value = json::parse(bytes, kLimits);
  const json::Reader in(value);
  NetworkConfig n{.name = in.text_or("name", "")};
  if (n.name.empty()) in.fail("the network has no name");
  if (n.name.find('/') != std::string::npos || n.name.find_first_of(":,") != std::string::npos || n.name == "." ||
      n.name == "..")
    in.fail(cat("network name ", quoted(n.name), " holds a character that names cannot have"));
  n.versions = read_versions(in);
  n.cni_version = n.versions.front();
  n.is_list = is_list;
  n.bytes = bytes;
  n.disable_check = read_switch(in, "disableCheck");
  n.disable_gc = read_switch(in, "disableGC");
  if (is_list) {
    n.only_inlined = read_switch(in, "loadOnlyInlinedPlugins");
    read_plugins(in, beside, n);
  } else {
    n.plugins.push_back(read_plugin(in));
  }
  const json::Value first(n.plugins.front().config);
  n.ip_masq = json::Reader(first, "plugins[0]").boolean_or("ipMasq", false);
  return n;
}

Result parse_result(std::string_view bytes, std::string_view network) {
  return in_context([&] { return cat("error parsing ", quoted(network), " result"); },
                    [&] {
                      Result out;
                      if (only_blank(bytes)) return out;  // a plugin of its own that only tunes may say nothing
                      out.raw = json::parse(bytes, kLimits);
                      const json::Reader in(out.raw);
                      for (const char* member : {"ip4", "ip6"}) {  // 0.1.0 and 0.2.0
                        const auto ip = in.find(member);
                        if (!ip) continue;
                        Result::Address a;
                        read_cidr(ip->at("ip"), a);
                        a.gateway = ip->text_or("gateway", "");
                        out.ips.push_back(std::move(a));
                      }
                      for (const auto& ip : in.items("ips")) {  // 0.3.0 and later
                        Result::Address a;
                        read_cidr(ip.at("address"), a);
                        a.gateway = ip.text_or("gateway", "");
                        out.ips.push_back(std::move(a));
                      }
                      if (const auto dns = in.find("dns")) {
                        out.dns.nameservers = dns->texts("nameservers");
                        out.dns.search = dns->texts("search");
                        out.dns.options = dns->texts("options");
                        out.dns.domain = dns->text_or("domain", "");
                      }
                      return out;
                    });
}

std::optional<PluginError> parse_error(std::string_view bytes) {
  try {
    const json::Value value = json::parse(bytes, kLimits);
    const json::Reader in(value);
    const std::string msg = in.text_or("msg", ""), details = in.text_or("details", "");
    if (msg.empty()) return std::nullopt;
    const auto code = in.find("code");
    return PluginError{.code = code ? static_cast<int>(code->integer(0, 1 << 30)) : 0,
                       .text = details.empty() ? msg : cat(msg, "; ", details)};
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::vector<std::string> parse_versions(std::string_view bytes) {
  const json::Value value = json::parse(bytes, kLimits);
  return json::Reader(value, "VERSION").texts("supportedVersions");
}

bool NetList::has(std::string_view name) const {
  return std::any_of(networks.begin(), networks.end(), [&](const NetRequest& r) { return r.name == name; });
}

std::string NetList::str() const {
  std::string out;
  for (const auto& n : networks) out += cat(out.empty() ? "" : ",", n.name, n.args.empty() ? "" : ":", n.args);
  return out;
}

NetList NetList::parse(const std::vector<std::string>& values) {
  NetList out;
  for (const auto& value : values) {
    for (const auto item : split(value, ',')) {
      const auto parts = split(item, ':');
      if (parts[0].empty()) throw Error(Errc::usage, "netname must not be empty");
      if (parts.size() > 2 && parts[1].find('=') == std::string_view::npos) {
        std::string rest;
        for (std::size_t i = 1; i < parts.size(); ++i) rest += cat(rest.empty() ? "" : " ", parts[i]);
        throw Error(Errc::usage, cat("network ", quoted(parts[0]), " provided with invalid arguments: [", rest, "]"));
      }
      const auto args = parts.size() > 1 ? item.substr(parts[0].size() + 1) : std::string_view();
      NetRequest r{std::string(parts[0]), std::string(args)};
      if (out.has(r.name)) throw Error(Errc::usage, cat("found duplicate netname ", quoted(r.name)));
      if (!r.args.empty() && (r.name == "all" || r.name == "host"))
        throw Error(Errc::usage, cat("arguments are not supported by special netname ", quoted(r.name)));
      out.networks.push_back(std::move(r));
    }
  }
  return out;
}

std::vector<NetInfo> parse_net_info(std::string_view bytes) {
  const json::Value value = json::parse(bytes, kLimits);
  std::vector<NetInfo> out;
  if (value.is_null()) return out;
  for (const auto& e : json::Reader(value, "net-info").elements())
    out.push_back({e.text_or("netName", ""), e.text_or("netConf", ""), e.text_or("pluginPath", ""),
                   e.text_or("ifName", ""), e.text_or("ip", ""), e.text_or("args", ""), e.text_or("mask", "")});
  return out;
}

std::string write_net_info(const std::vector<NetInfo>& infos) {
  if (infos.empty()) return "null";
  json::Array a;
  for (const auto& i : infos) {
    json::Object o;
    o.set("netName", i.net_name);
    o.set("netConf", i.net_conf);
    o.set("pluginPath", i.plugin_path);
    o.set("ifName", i.if_name);
    o.set("ip", i.ip);
    o.set("args", i.args);
    o.set("mask", i.mask);
    a.emplace_back(std::move(o));
  }
  return json::write(a);
}

}  // namespace rkt::cni
