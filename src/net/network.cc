// SPDX-License-Identifier: Apache-2.0
#include "net/network.h"

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "net/builtin/builtin.h"
#include "net/load.h"
#include "net/netns.h"
#include "net/plugin.h"
#include "net/request.h"
#include "net/state.h"
#include "net/teardown.h"
#include "sys/file.h"

namespace rkt::net {
namespace {

// One run of setup(). What was begun is in attachments_ and on disk before a plugin runs.
class Builder {
 public:
  explicit Builder(const Request& request) : request_(request), path_(plugin_path(request.local_config)) {}

  Setup run() {
    std::vector<Network> networks;
    if (!request_.networks.none())
      networks = in_context([] { return "error loading network definitions"; },
                            [&] {
                              return select_networks(read_config_dir(request_.local_config), builtin_configs(),
                                                     request_.networks);
                            });
    if (!request_.ports.empty() && networks.empty()) throw Error(Errc::invalid, "no networks found");
    PinnedNetns netns = make_pinned_netns(request_.pod, request_.netns);
    setup_.netns = std::move(netns.fd);
    netns_path_ = netns.path;
    const DirFd copies = request_.pod.make_sub("net", 0755);
    if (networks.empty()) log::debug("networking", "networking namespace with loopback only");
    const std::size_t forwards = forwarding(networks);
    for (std::size_t i = 0; i < networks.size(); ++i) {
      const auto& n = networks[i];
      write_file(copies, n.file, n.config.bytes, 0644);
      in_context([&] { return cat("error adding network ", quoted(n.config.name)); },
                 [&] { attach(n, i == forwards ? request_.ports : std::vector<PortForward>()); });
    }
    AtomicFile info(request_.pod, "net-info.json", 0644);
    write_all(info.fd(), setup_.infos.empty() ? "null" : cni::write_net_info(setup_.infos), "net-info.json");
    info.commit(AtomicFile::Sync::no);
    return std::move(setup_);
  }

 private:
  static std::size_t forwarding(const std::vector<Network>& networks) {
    std::vector<bool> masquerades;
    for (const auto& n : networks) masquerades.push_back(n.config.ip_masq);
    return networks.empty() ? 0 : forwarding_network(masquerades);
  }

  void attach(const Network& network, const std::vector<PortForward>& ports) {
    Attachment a{.name = network.config.name,
                 .file = network.file,
                 .if_name = network.if_name,
                 .args = network.args,
                 .cni_version = network.config.cni_version,
                 .masquerades = network.config.ip_masq || !ports.empty(),
                 .steps = plan_steps(network.config, ports),
                 .plugins = {},
                 .result = std::nullopt};
    const auto own = choose_builtin(a);
    a.builtin = own.has_value();
    if (!a.builtin)
      for (const auto& step : a.steps) a.plugins.push_back(find_plugin(path_, step.type));
    attachments_.push_back(std::move(a));
    save_state(request_.pod, attachments_);
    const cni::Result result = own ? add_builtin(*own, attachments_.back()) : add(attachments_.back());
    save_state(request_.pod, attachments_);
    take_dns(network.config.name, result);
    setup_.infos.push_back(net_info(network.config.name, network.file, network.if_name, network.args,
                                    attachments_.back().builtin ? std::string() : attachments_.back().plugins.front(),
                                    result));
  }

  std::optional<builtin::Network> choose_builtin(const Attachment& a) const {
    if (request_.plugins == Plugins::external) return std::nullopt;
    auto network = plan_builtin(a);
    std::string why;
    if (!network)
      why = network.error();
    else if (!builtin::can_serve(*network))
      why = "the kernel has no nftables";
    else
      return std::move(*network);
    log::debug("networking", cat("network ", quoted(a.name), " is for external plugins: ", why));
    return std::nullopt;
  }

  cni::Result add_builtin(const builtin::Network& network, Attachment& a) const {
    auto added =
        builtin::add(network, {.container_id = request_.uuid.str(), .if_name = a.if_name, .netns = netns_path_});
    a.record = std::move(added.record);
    cni::Result result = cni::parse_result(json::write(added.result), a.name);
    a.result = chained_result(result, a.cni_version, a.if_name, netns_path_);
    return result;
  }

  cni::Result add(Attachment& a) {
    cni::Result result;
    for (std::size_t i = 0; i < a.steps.size(); ++i) {
      const std::string output = run_plugin({.command = "ADD",
                                             .exe = a.plugins[i],
                                             .container_id = request_.uuid.str(),
                                             .netns = netns_path_,
                                             .if_name = a.if_name,
                                             .args = a.args,
                                             .path = path_,
                                             .stdin_bytes = plugin_input(a.steps[i], a.result ? &*a.result : nullptr)});
      cni::Result next = cni::parse_result(output, a.name);
      a.result = chained_result(next, a.cni_version, a.if_name, netns_path_);
      result = std::move(next);
    }
    return result;
  }

  void take_dns(const std::string& name, const cni::Result& result) {
    if (result.dns.empty()) return;
    if (setup_.dns) {
      log::note("networking",
                cat("Warning: network ", name, " plugin specified DNS configuration, but DNS already supplied"));
      return;
    }
    setup_.dns = result.dns;
    setup_.dns_network = name;
  }

  const Request& request_;
  std::vector<std::string> path_;
  std::string netns_path_;
  std::vector<Attachment> attachments_;
  Setup setup_;
};

}  // namespace

Setup setup(const Request& request) {
  try {
    return Builder(request).run();
  } catch (const Error&) {
    // The failing network is torn down too: its plugin may have come half way.
    try {
      teardown(request.pod, request.uuid, request.local_config,
               [](std::string_view text) { log::debug("networking", text); });
    } catch (const Error& e) {
      log::debug("networking", e.brief());
    }
    throw;
  }
}

}  // namespace rkt::net
