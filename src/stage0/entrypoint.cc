// SPDX-License-Identifier: Apache-2.0
#include "stage0/entrypoint.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "schema/appc/pid_mode.h"
#include "schema/appc/settings.h"
#include "sys/file.h"

namespace rkt::stage0 {
namespace {

constexpr std::string_view kPrefix = "coreos.com/rkt/stage1/";
constexpr std::string_view kOptions = "coreos.com/rkt/stage1/options";  // ours: names, comma separated

// Interface versions that brought an option.
constexpr int kHostname = 2, kInsecureOptions = 3, kDnsConfMode = 4, kGcLocalConfig = 5, kIpc = 6;

}  // namespace

Stage1::Stage1(appc::ImageManifest manifest) : manifest_(std::move(manifest)) {
  const auto* text = appc::find_annotation(manifest_.annotations, cat(kPrefix, "interface-version"));
  if (text == nullptr) return;
  const auto n = parse_int<int>(*text);
  if (!n || *n < 1) throw Error(Errc::invalid, cat("stage1 interface version ", quoted(*text), " is no number"));
  version_ = *n;
}

Stage1 Stage1::of(const DirFd& pod) {
  return in_context([] { return std::string("error loading the manifest of stage1"); },
                    [&] { return Stage1(appc::parse_image_manifest(read_file(pod, "stage1/manifest"))); });
}

bool Stage1::takes_mutable_pods() const {
  for (const std::string_view verb : {"app/rm", "app/start", "app/stop"})
    if (appc::find_annotation(manifest_.annotations, cat(kPrefix, verb)) == nullptr) return false;
  return true;
}

const std::string& Stage1::entrypoint(std::string_view verb) const {
  const std::string name = cat(kPrefix, verb);
  const auto* path = appc::find_annotation(manifest_.annotations, name);
  if (path == nullptr || path->empty()) throw Error(Errc::not_found, cat("entrypoint ", quoted(name), " not found"));
  return *path;
}

const std::string& Stage1::entrypoint_for(std::string_view what, std::string_view verb) const {
  try {
    return entrypoint(verb);
  } catch (const Error& e) {
    throw Error(Errc::unsupported, cat(what, " not implemented for pod's stage1: ", e.cause()));
  }
}

bool Stage1::takes(std::string_view option) const {
  const auto* list = appc::find_annotation(manifest_.annotations, kOptions);
  if (list == nullptr) return false;
  const auto options = split(*list, ',');
  return std::ranges::find(options, option) != options.end();
}

std::vector<std::string> Stage1::stop_args(const StopRequest& request) const {
  const bool of_app = !request.app.empty();
  if ((request.grace || (of_app && request.force)) && !takes("grace"))
    throw Error(Errc::unsupported,
                cat("--", request.force ? "force" : "grace-period", " is not supported by the pod's stage1"));
  std::vector<std::string> out;
  if (request.force) out.emplace_back("--force");
  if (request.grace) out.push_back(cat("--grace=", request.grace->count()));
  return out;
}

void Stage1::check_app(const appc::RuntimeApp& app) const {
  if (appc::pid_mode_of(app.annotations) == appc::PidMode::own && !takes("pid"))
    throw Error(Errc::unsupported, cat("app ", quoted(app.name.str()), ": the pod's stage1 has no --pid=private"))
        .hint("use the default stage1 (coreos.com/rkt/stage1-native)");
}

std::vector<std::string> Stage1::unheeded(const appc::PodManifest& pod) const {
  std::vector<std::string> out;
  for (const std::string_view flag : {"restart", "stop-signal"}) {
    const bool asked = std::ranges::any_of(pod.apps, [&](const appc::RuntimeApp& app) {
      const auto* text = appc::find_app_flag(app.annotations, flag);
      return text != nullptr && *text != "no";
    });
    if (asked && !takes(flag)) out.push_back(cat("warning: --", flag, " option is not supported by stage1"));
  }
  const auto has = [](const auto& owner) {
    return appc::find_annotation(owner.annotations, appc::kShmSize) != nullptr;
  };
  if ((has(pod) || std::ranges::any_of(pod.apps, has)) && !takes("shm-size"))
    out.push_back(cat("warning: annotation ", quoted(appc::kShmSize), " is not supported by stage1"));
  return out;
}

cni::NetList networks_of(const RunOptions& options) {
  return options.net.networks.empty() ? cni::NetList::parse({"default"}) : options.net;
}

RunCall plan_run_args(const Stage1& stage1, const RunOptions& o, const std::optional<std::string>& dns_conf_mode,
                      const std::optional<std::string>& private_users, const Uuid& id) {
  const int version = stage1.interface_version();
  RunCall call;
  auto& args = call.args;
  if (o.debug) args.emplace_back("--debug");
  args.push_back(cat("--net=", networks_of(o).str()));
  if (o.interactive) args.emplace_back("--interactive");
  if (private_users) args.push_back(cat("--private-users=", *private_users));
  if (!o.local_config.empty()) args.push_back(cat("--local-config=", o.local_config));
  // Given, but this stage1 is older than the option: said, and left out.
  const auto gated = [&](int since, const std::string& value, std::string_view flag, std::string_view warning) {
    if (value.empty()) return;
    if (version >= since)
      args.push_back(cat(flag, "=", value));
    else
      call.warnings.push_back(cat("warning: ", flag, warning));
  };
  gated(kHostname, o.hostname, "--hostname", " option is not supported by stage1");
  gated(kDnsConfMode, dns_conf_mode.value_or(""), "--dns-conf-mode", " option not supported by stage1");
  if (version >= kInsecureOptions) {
    if (o.insecure.capabilities) args.emplace_back("--disable-capabilities-restriction");
    if (o.insecure.paths) args.emplace_back("--disable-paths");
    if (o.insecure.seccomp) args.emplace_back("--disable-seccomp");
  }
  if (o.mutable_pod) args.emplace_back("--mutable");
  gated(kIpc, o.ipc, "--ipc", " option is not supported by stage1");
  if (o.external_plugins) {
    if (stage1.takes("net-plugins"))
      args.emplace_back("--net-plugins=external");
    else
      call.warnings.emplace_back("warning: --net-plugins option is not supported by stage1");
  }
  args.push_back(id.str());
  return call;
}

std::vector<std::string> plan_gc_args(int version, bool debug, const std::string& local_config, const Uuid& id) {
  std::vector<std::string> args;
  if (debug) args.emplace_back("--debug");
  if (version >= kGcLocalConfig && !local_config.empty()) {
    args.emplace_back("--local-config");
    args.push_back(local_config);
  }
  args.push_back(id.str());
  return args;
}

}  // namespace rkt::stage0
