// SPDX-License-Identifier: Apache-2.0
#include "stage0/ports.h"

#include "base/error.h"
#include "base/strings.h"

namespace rkt::stage0 {
namespace {

struct Forward {
  std::string protocol, host_ip;
  std::uint16_t host_port, pod_port;
  bool meets(const Forward& o) const {
    const auto any = [](const std::string& ip) { return ip == "0.0.0.0" || ip == "::"; };
    return protocol == o.protocol && host_port == o.host_port &&
           (host_ip == o.host_ip || any(host_ip) || any(o.host_ip));
  }
};

const appc::Port& find_port(const appc::ExposedPort& exposed, const std::vector<const appc::App*>& apps) {
  const appc::Port* found = nullptr;
  for (const auto* app : apps)
    for (const auto& port : app->ports) {
      if (port.name != exposed.name) continue;
      if (found != nullptr)
        throw Error(Errc::invalid, cat("port name ", quoted(exposed.name.str()), " defined multiple apps"));
      found = &port;
    }
  if (found == nullptr)
    throw Error(Errc::invalid, cat("port name ", quoted(exposed.name.str()), " could not be found in any apps"));
  return *found;
}

}  // namespace

void check_ports(const std::vector<appc::ExposedPort>& ports, const std::vector<const appc::App*>& apps) {
  std::vector<Forward> seen;
  for (const auto& exposed : ports) {
    const appc::Port& port = exposed.pod_port ? *exposed.pod_port : find_port(exposed, apps);
    Forward forward{port.protocol, exposed.host_ip.empty() ? "0.0.0.0" : exposed.host_ip, exposed.host_port, port.port};
    for (const auto& other : seen)
      if (forward.meets(other))
        throw Error(Errc::invalid, cat("port ", forward.protocol, "-", forward.host_ip, ":", forward.host_port,
                                       " already mapped to pod port ", other.pod_port));
    seen.push_back(std::move(forward));
  }
}

}  // namespace rkt::stage0
