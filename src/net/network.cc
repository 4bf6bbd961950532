// SPDX-License-Identifier: Apache-2.0
#include "net/network.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "net/arguments.h"
#include "net/chain.h"
#include "net/load.h"
#include "net/netns.h"
#include "net/plugin.h"
#include "net/request.h"
#include "net/state.h"
#include "net/teardown.h"
#include "schema/cni/version.h"
#include "sys/file.h"
#include "sys/rootless.h"

namespace rkt::net {
namespace {

std::vector<Network> find_networks(const cni::NetList& wanted, const std::string& local_config) {
  if (wanted.none()) return {};
  return in_context([] { return "error loading network definitions"; },
                    [&] { return select_networks(Sources::read(local_config), wanted); });
}

void check_for_user(const std::vector<cni::NetRequest>& wanted) {
  if (wanted.size() == 1 && wanted.front().name == "default" && wanted.front().args.empty()) return;
  throw Error(Errc::denied, "networks of pods but \"default\" take root of the host")
      .hint("use --net=default, --net=none or --net=host");
}

// One run of setup(). What was begun is in attachments_ and on disk before a plugin runs.
class Builder {
 public:
  explicit Builder(const Request& request) : request_(request), path_(plugin_path(request.local_config)) {}

  Setup run() {
    if (known_ids() != Ids::all && !request_.networks.none()) return run_for_user();
    const std::vector<Network> networks =
        in_context([] { return "failed to setup network"; },
                   [&] { return find_networks(request_.networks, request_.local_config); });
    if (!request_.ports.empty() && networks.empty()) throw Error(Errc::invalid, "no networks found");
    if (known_ids() != Ids::all) {  // who cannot pin one on the host
      setup_.netns = make_unpinned_netns();
    } else {
      netns_path_ = pin_netns(request_.pod, [this] {
        setup_.netns = request_.netns();
        return setup_.netns.get();
      });
    }
    if (networks.empty()) log::debug("networking", "networking namespace with loopback only");
    const DirFd copies = networks.empty() ? DirFd() : request_.pod.make_sub("net", 0755);
    const std::size_t forwards = forwarding(networks);
    for (std::size_t i = 0; i < networks.size(); ++i) {
      const auto& n = networks[i];
      write_file(copies, n.file, n.config.bytes, 0644);
      in_context([&] { return cat("error adding network ", quoted(n.config.name)); },
                 [&] { add(n, i == forwards ? request_.ports : std::vector<PortForward>()); });
    }
    write_info();
    return std::move(setup_);
  }

 private:
  Setup run_for_user() {
    check_for_user(request_.networks.networks);
    if (!request_.ports.empty())
      throw Error(Errc::denied, "--port takes root of the host").hint("use --net=host, where apps listen themselves");
    setup_.netns = make_unpinned_netns();
    setup_.user = UserNetwork::start(setup_.netns.get());
    setup_.dns = cni::Result::Dns{.nameservers = {kUserNameServer}, .search = {}, .options = {}, .domain = {}};
    setup_.dns_network = "default";
    setup_.infos.push_back(user_network_info());
    write_info();
    return std::move(setup_);
  }

  void write_info() const {
    AtomicFile info(request_.pod, "net-info.json", 0644);
    write_all(info.fd(), setup_.infos.empty() ? "null" : cni::write_net_info(setup_.infos), "net-info.json");
    info.commit(AtomicFile::Sync::no);
  }

  static std::size_t forwarding(const std::vector<Network>& networks) {
    std::vector<bool> masquerades;
    for (const auto& n : networks) masquerades.push_back(n.config.ip_masq);
    return networks.empty() ? 0 : forwarding_network(masquerades);
  }

  void add(const Network& network, const std::vector<PortForward>& ports) {
    attachments_.push_back(plan_attachment(network, ports));
    save_state(request_.pod, attachments_);
    Attachment& a = attachments_.back();
    const cni::Result result = attach(a, {.container_id = request_.uuid.str(), .netns = netns_path_, .path = path_});
    save_state(request_.pod, attachments_);
    check_families(ports, result);
    take_dns(a.name, result);
    take_gateway(result);
    setup_.infos.push_back(
        net_info(a.name, network.file, a.if_name, network.args, a.builtin ? std::string() : a.plugins.front(), result));
  }

  Attachment plan_attachment(const Network& network, const std::vector<PortForward>& ports) const {
    const Arguments arguments = parse_arguments(network.args);
    cni::NetworkConfig config = network.config;
    Attachment a{.name = config.name,
                 .file = network.file,
                 .if_name = network.if_name,
                 .args = arguments.cni_args,
                 .cni_version = config.cni_version,
                 .masquerades = config.ip_masq || !ports.empty(),
                 .steps = plan_steps(config, ports, arguments.values),
                 .checks = !config.disable_check};
    a.builtin = request_.plugins != Plugins::external && is_for_builtin(a);
    if (a.builtin) return a;
    for (const auto& step : a.steps) a.plugins.push_back(plugin_program(path_, step.type));
    if (config.versions.size() > 1) {
      config.cni_version = a.cni_version = negotiate(config.versions, a.plugins);
      a.steps = plan_steps(config, ports, arguments.values);
    }
    a.collects = !config.disable_gc && cni::has_gc(a.cni_version);
    return a;
  }

  void take_gateway(const cni::Result& result) {
    const auto first = std::ranges::find_if(result.ips, [](const auto& a) { return !a.v6 && !a.gateway.empty(); });
    if (setup_.gateway.empty() && first != result.ips.end()) setup_.gateway = first->gateway;
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

void check_networks(const cni::NetList& wanted, const std::string& local_config) {
  if (known_ids() == Ids::all)
    (void)find_networks(wanted, local_config);
  else if (!wanted.none())
    check_for_user(wanted.networks);
}

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

// Binding would not tell where the host may bind any address.
bool is_own_address(const std::string& address) {
  sockaddr_in there{}, here{};
  there.sin_family = AF_INET;
  there.sin_port = htons(9);  // nothing is sent
  if (::inet_pton(AF_INET, address.c_str(), &there.sin_addr) != 1) return false;
  const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  socklen_t size = sizeof here;
  return fd && ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&there), sizeof there) == 0 &&
         ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&here), &size) == 0 &&
         here.sin_addr.s_addr == there.sin_addr.s_addr;
}

}  // namespace rkt::net
