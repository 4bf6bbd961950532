// SPDX-License-Identifier: Apache-2.0
// The pod manifest that images and flags make (reference: pods §3.2, §5.2). Pure.
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "stage0/stage0.h"

namespace rkt::stage0 {
namespace {

using appc::App;
using appc::Isolator;

constexpr std::string_view kRetain = "os/linux/capabilities-retain-set", kRemove = "os/linux/capabilities-remove-set";
constexpr std::int64_t kMinMemory = 4096;

void drop(App& app, std::initializer_list<std::string_view> names) {
  std::erase_if(app.isolators, [&](const Isolator& i) { return std::find(names.begin(), names.end(), i.name) != names.end(); });
}

json::Value string_set(const std::vector<std::string>& names) {
  json::Array set;
  for (const auto& n : names) set.emplace_back(n);
  json::Object o;
  o.set("set", std::move(set));
  return o;
}

json::Value limit_of(const std::string& quantity) {
  json::Object o;
  o.set("request", nullptr);
  o.set("limit", quantity);
  return o;
}

// mode=retain|remove[,errno=E…],NAME…
Isolator seccomp_isolator(const std::string& flag) {
  std::string mode, error;
  std::vector<std::string> names;
  for (const auto piece : split(flag, ',')) {
    const auto equals = piece.find('=');
    if (equals == std::string_view::npos) {
      names.emplace_back(piece);
      continue;
    }
    const auto key = piece.substr(0, equals);
    if (key == "mode")
      mode = piece.substr(equals + 1);
    else if (key == "errno")
      error = piece.substr(equals + 1);
    else
      throw Error(Errc::usage, "invalid seccomp command-line override");
  }
  if (mode != "retain" && mode != "remove") throw Error(Errc::usage, "invalid seccomp mode command-line override");
  json::Object value = *string_set(names).as_object();
  if (!error.empty()) value.set("errno", error);
  return {cat("os/linux/seccomp-", mode, "-set"), std::move(value)};
}

void apply_isolator_flags(const AppRequest& request, App& app) {
  if (request.memory) {
    const auto bytes = appc::Quantity::parse(*request.memory).value();
    if (bytes < kMinMemory)
      throw Error(Errc::usage, cat("memory limit of ", bytes, " bytes too low. Try a reasonable value, such as --memory=16M"));
    app.isolators.push_back({"resource/memory", limit_of(*request.memory)});
  }
  if (request.cpu) app.isolators.push_back({"resource/cpu", limit_of(*request.cpu)});
  if (request.cpu_shares) {
    drop(app, {"os/linux/cpu-shares"});
    app.isolators.push_back({"os/linux/cpu-shares", *request.cpu_shares});
  }
  if (request.oom_score_adj) {
    drop(app, {"os/linux/oom-score-adj"});
    app.isolators.push_back({"os/linux/oom-score-adj", *request.oom_score_adj});
  }
  if (request.caps_retain && request.caps_remove)
    throw Error(Errc::usage, "error: cannot use both --caps-retain and --caps-remove on the same image");
  if (request.caps_retain || request.caps_remove) {
    drop(app, {kRetain, kRemove});
    app.isolators.push_back({std::string(request.caps_retain ? kRetain : kRemove),
                             string_set(request.caps_retain ? *request.caps_retain : *request.caps_remove)});
  }
  if (request.seccomp) {
    drop(app, {"os/linux/seccomp-retain-set", "os/linux/seccomp-remove-set"});
    app.isolators.push_back(seccomp_isolator(*request.seccomp));
  }
  appc::interpret_isolators(app.isolators, request.manifest.name);
}

// Weakest first: rkt's own (--inherit-env), the image, --set-env-file, --set-env, --environment.
void apply_environment(const PrepareRequest& request, const AppRequest& app_request, const std::vector<appc::EnvVar>& own_env, App& app) {
  if (request.inherit_env)
    for (const auto& v : own_env)
      if (app.find_env(v.name) == nullptr && appc::valid_env_name(v.name)) app.environment.push_back(v);
  for (const auto* list : {&request.set_env_file, &request.set_env, &app_request.environment})
    for (const auto& v : *list) app.set_env(v.name, v.value);
}

std::string clean_path(const std::string& path) {
  std::string out;
  for (const auto part : split(path, '/'))
    if (!part.empty() && part != ".") out += cat("/", part);
  return out.empty() ? "/" : out;
}

std::vector<appc::Mount> merge_mounts(const std::vector<appc::Mount>& of_app, const std::vector<appc::Mount>& of_pod) {
  std::vector<appc::Mount> out;
  for (const auto* list : {&of_app, &of_pod})
    for (const auto& m : *list)
      if (std::none_of(out.begin(), out.end(), [&](const appc::Mount& o) { return clean_path(o.path) == clean_path(m.path); })) out.push_back(m);
  return out;
}

App base_app(const AppRequest& request) {
  if (request.manifest.app) {
    App app = *request.manifest.app;
    if (request.exec) app.exec = {*request.exec};
    return app;
  }
  if (!request.exec)
    throw Error(Errc::usage, cat("error: image ", request.image.key, " has no app section and --exec argument is not provided"));
  App app;
  app.exec = {*request.exec};
  app.user = cat(::getuid());
  app.group = cat(::getgid());
  return app;
}

appc::RuntimeApp plan_app(const PrepareRequest& request, const AppRequest& in, const std::vector<appc::EnvVar>& own_env) {
  appc::check_runnable(in.manifest.labels);
  App app = base_app(in);
  app.exec.insert(app.exec.end(), in.args.begin(), in.args.end());
  if (in.working_dir) app.working_directory = *in.working_dir;
  if (in.user) app.user = *in.user;
  if (in.group) app.group = *in.group;
  if (in.supplementary_gids) app.supplementary_gids = *in.supplementary_gids;
  apply_isolator_flags(in, app);
  if (!in.user_annotations.empty()) app.user_annotations = in.user_annotations;
  if (!in.user_labels.empty()) app.user_labels = in.user_labels;
  apply_environment(request, in, own_env, app);
  const auto id = appc::ImageId::parse(in.image.key);
  if (!id) throw Error(Errc::bug, cat(quoted(in.image.key), " is no image ID"));
  appc::RuntimeApp out{.name = in.name ? appc::AcName::parse(*in.name) : appc::AcName::from_image_name(in.manifest.name), .image_id = *id};
  out.image_name = in.manifest.name;
  out.image_labels = in.manifest.labels;
  out.app = std::move(app);
  out.read_only_rootfs = in.read_only_rootfs;
  out.mounts = merge_mounts(in.mounts, request.mounts);
  out.annotations = in.annotations;
  return out;
}

void check_mounts(const appc::PodManifest& manifest) {
  for (const auto& app : manifest.apps)
    for (const auto& m : app.mounts)
      if (!m.app_volume && manifest.find_volume(m.volume) == nullptr)
        throw Error(Errc::usage, cat("dangling mount point ", quoted(m.path), ": volume ", quoted(m.volume), " not found"));
}

}  // namespace

void check_ports(const appc::PodManifest& manifest) {
  struct Taken {
    std::string protocol, ip;
    std::uint16_t host, pod;
  };
  std::vector<Taken> taken;
  for (const auto& exposed : manifest.ports) {
    const appc::Port* port = exposed.pod_port ? &*exposed.pod_port : nullptr;
    int owners = 0;
    for (const auto& app : manifest.apps) {
      if (!app.app) continue;
      for (const auto& p : app.app->ports) {
        if (p.name != exposed.name) continue;
        ++owners;
        if (port == nullptr) port = &p;
      }
    }
    if (owners > 1) throw Error(Errc::usage, cat("port name ", quoted(exposed.name.str()), " defined multiple apps"));
    if (port == nullptr) throw Error(Errc::usage, cat("port name ", quoted(exposed.name.str()), " could not be found in any apps"));
    const Taken now{port->protocol, exposed.host_ip.empty() ? "0.0.0.0" : exposed.host_ip, exposed.host_port, port->port};
    for (const auto& t : taken)
      if (t.protocol == now.protocol && t.host == now.host && (t.ip == now.ip || t.ip == "0.0.0.0" || now.ip == "0.0.0.0"))
        throw Error(Errc::usage, cat("port ", now.protocol, "-", now.ip, ":", now.host, " already mapped to pod port ", t.pod));
    taken.push_back(now);
  }
}

appc::PodManifest plan_manifest(const PrepareRequest& request, const std::vector<appc::EnvVar>& own_env) {
  appc::PodManifest m;
  m.ac_version = RKT_VERSION;
  for (const auto& in : request.apps) {
    appc::RuntimeApp app = plan_app(request, in, own_env);
    if (m.find_app(app.name.str()) != nullptr) throw Error(Errc::usage, cat("error: multiple apps with name ", app.name.str()));
    m.apps.push_back(std::move(app));
  }
  for (const auto& v : request.volumes) {
    if (m.find_volume(v.name.str()) != nullptr) throw Error(Errc::usage, cat("duplicate volume name ", quoted(v.name.str())));
    m.volumes.push_back(v);
  }
  m.annotations.push_back({"coreos.com/rkt/stage1/mutable", "false"});
  m.ports = request.ports;
  check_mounts(m);
  check_ports(m);
  return m;
}

}  // namespace rkt::stage0
