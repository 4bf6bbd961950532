// SPDX-License-Identifier: Apache-2.0
#include "net/builtin/result.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "json/reader.h"

namespace rkt::net::builtin {
namespace {

json::Array texts(const std::vector<std::string>& list) {
  json::Array out;
  for (const auto& s : list) out.emplace_back(s);
  return out;
}

json::Value dns_value(const Dns& dns) {
  json::Object o;
  if (!dns.nameservers.empty()) o.set("nameservers", texts(dns.nameservers));
  if (!dns.domain.empty()) o.set("domain", dns.domain);
  if (!dns.search.empty()) o.set("search", texts(dns.search));
  if (!dns.options.empty()) o.set("options", texts(dns.options));
  return o;
}

json::Value route_value(const Route& r) {
  json::Object o;
  o.set("dst", r.dst.str());
  if (r.gw) o.set("gw", r.gw->str());
  return o;
}

// 0.1.0 and 0.2.0 know one address a family, and no interfaces.
json::Value write_old(const Result& result, std::string_view version) {
  json::Object out;
  out.set("cniVersion", version);
  bool any = false;
  for (const bool v6 : {false, true}) {
    const auto it = std::ranges::find(result.ips, v6, [](const Result::Address& a) { return a.address.ip.v6(); });
    if (it == result.ips.end()) continue;
    json::Object ip;
    ip.set("ip", it->address.str());
    if (it->gateway) ip.set("gateway", it->gateway->str());
    json::Array routes;
    for (const auto& r : result.routes)
      if (r.dst.ip.v6() == v6) routes.push_back(route_value(r));
    if (!routes.empty()) ip.set("routes", std::move(routes));
    out.set(v6 ? "ip6" : "ip4", std::move(ip));
    any = true;
  }
  if (!any) throw Error(Errc::network, "cannot convert: no valid IP addresses");
  out.set("dns", dns_value(result.dns));
  return out;
}

}  // namespace

json::Value write_result(const Result& result, std::string_view version) {
  if (version == "0.1.0" || version == "0.2.0") return write_old(result, version);
  json::Object out;
  out.set("cniVersion", version);
  json::Array interfaces, ips, routes;
  for (const auto& i : result.interfaces) {
    json::Object o;
    o.set("name", i.name);
    if (!i.mac.empty()) o.set("mac", i.mac);
    if (!i.sandbox.empty()) o.set("sandbox", i.sandbox);
    interfaces.emplace_back(std::move(o));
  }
  for (const auto& a : result.ips) {
    json::Object o;
    if (version.starts_with("0.")) o.set("version", a.address.ip.v6() ? "6" : "4");
    if (a.interface >= 0) o.set("interface", a.interface);
    o.set("address", a.address.str());
    if (a.gateway) o.set("gateway", a.gateway->str());
    ips.emplace_back(std::move(o));
  }
  for (const auto& r : result.routes) routes.push_back(route_value(r));
  if (!interfaces.empty()) out.set("interfaces", std::move(interfaces));
  if (!ips.empty()) out.set("ips", std::move(ips));
  if (!routes.empty()) out.set("routes", std::move(routes));
  out.set("dns", dns_value(result.dns));
  return out;
}

Result read_result(const json::Value& document) {
  const json::Reader in(document, "result");
  Result out;
  for (const auto& i : in.items("interfaces"))
    out.interfaces.push_back(
        {.name = i.text_or("name", ""), .mac = i.text_or("mac", ""), .sandbox = i.text_or("sandbox", "")});
  const auto read = [&](const json::Reader& ip, const json::Reader& text) {
    const auto address = Cidr::parse(text.text());
    if (!address) text.fail("expected ADDRESS/PREFIX");
    Result::Address a{.address = *address, .gateway = Ip::parse(ip.text_or("gateway", "")), .interface = -1};
    if (const auto i = ip.find("interface")) a.interface = static_cast<int>(i->integer(0, 1000));
    out.ips.push_back(a);
  };
  for (const char* family : {"ip4", "ip6"})
    if (const auto ip = in.find(family)) read(*ip, ip->at("ip"));
  for (const auto& ip : in.items("ips")) read(ip, ip.at("address"));
  return out;
}

}  // namespace rkt::net::builtin
