// SPDX-License-Identifier: Apache-2.0
#include "stage0/networks.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "net/chain.h"
#include "net/collect.h"
#include "net/load.h"
#include "net/netns.h"
#include "net/plugin.h"
#include "net/state.h"
#include "stage0/port_claim.h"

namespace rkt::stage0 {
namespace {

template <class Ask>
std::optional<std::string> complaint_of(Ask&& ask) {
  try {
    ask();
  } catch (const Error& e) {
    return e.brief();
  }
  return std::nullopt;
}

NetworkReport describe(const net::Available& network) {
  const auto& config = network.config;
  NetworkReport out{.name = config.name,
                    .cni_version = config.cni_version,
                    .file = network.dir.empty() ? "" : cat(network.dir, "/", network.file)};
  for (const auto& p : config.plugins) out.plugins.push_back(p.type);
  out.served_by_rkt = net::is_for_builtin(
      {.name = config.name, .cni_version = config.cni_version, .steps = net::plan_steps(config, {})});
  return out;
}

// What our own stage1 keeps of an interface; nullptr: it was not ours, or there is no such interface.
const net::Attachment* find_attachment(const std::vector<net::Attachment>& all, const std::string& if_name) {
  const auto it = std::ranges::find(all, if_name, &net::Attachment::if_name);
  return it == all.end() ? nullptr : &*it;
}

std::vector<std::string> addresses_of(const cni::NetInfo& info, const net::Attachment* a) {
  std::vector<std::string> out;
  if (a != nullptr && a->result)
    for (const auto& ip : cni::parse_result(json::write(*a->result), a->name).ips)
      out.push_back(cat(ip.ip, "/", ip.prefix));
  if (out.empty() && !info.ip.empty()) out.push_back(info.ip);
  return out;
}

class Reporter {
 public:
  Reporter(const pod::Pods& pods, const std::string& local_config, bool ask)
      : pods_(pods), path_(net::plugin_path(local_config)), ask_(ask) {
    for (const auto& n : net::list_networks(net::Sources::read(local_config))) {
      NetworkReport& r = out_.emplace_back(describe(n));
      if (ask && !r.served_by_rkt) r.fault = complaint_of([&] { net::ask_status(n.config, local_config); });
    }
  }

  std::vector<NetworkReport> run() {
    for (const char* place : {"run", "exited-garbage"})
      for (const auto& id : pods_.list_place(place))
        if (const auto pod = pod::Pod::find(pods_, id)) add(*pod);
    return std::move(out_);
  }

 private:
  void add(const pod::Pod& pod) {
    const auto attachments = net::load_state(pod.dir());
    bool has_ports = true;
    for (const auto& info : pod.networks()) {
      if (info.net_conf.find("..") != std::string::npos || !pod.dir().exists(info.net_conf)) continue;  // torn down
      const auto* a = find_attachment(attachments, info.if_name);
      NetworkMember m{.pod = pod.id(),
                      .pod_name = pod.name(),
                      .state = pod.state(),
                      .if_name = info.if_name,
                      .addresses = addresses_of(info, a)};
      if (has_ports && (a == nullptr || net::forwards_ports(*a))) {
        m.ports = load_forwards(pod.dir());
        has_ports = false;
      }
      if (ask_ && a != nullptr && pod.state() == pod::State::running) m.fault = check(pod, *a);
      network(info.net_name).members.push_back(std::move(m));
    }
  }

  std::optional<std::string> check(const pod::Pod& pod, const net::Attachment& a) const {
    return complaint_of([&] {
      const auto netns = net::read_netns_path(pod.dir());
      if (!netns || !net::is_netns(*netns)) throw Error(Errc::network, "the pod's network namespace is gone");
      net::check(a, {.container_id = pod.id().str(), .netns = *netns, .path = path_});
    });
  }

  NetworkReport& network(const std::string& name) {
    const auto it = std::ranges::find(out_, name, &NetworkReport::name);
    if (it != out_.end()) return *it;
    return out_.emplace_back(NetworkReport{.name = name, .configured = false});
  }

  const pod::Pods& pods_;
  std::vector<std::string> path_;
  bool ask_;
  std::vector<NetworkReport> out_;
};

}  // namespace

std::vector<NetworkReport> report_networks(const pod::Pods& pods, const std::string& local_config, bool ask) {
  return Reporter(pods, local_config, ask).run();
}

}  // namespace rkt::stage0
