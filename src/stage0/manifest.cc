// SPDX-License-Identifier: Apache-2.0
#include <set>

#include "base/error.h"
#include "base/strings.h"
#include "stage0/apps.h"
#include "stage0/ports.h"
#include "stage0/stage0.h"

namespace rkt::stage0 {
namespace {

void check_volumes(const appc::PodManifest& m) {
  std::set<std::string> names;
  for (const auto& v : m.volumes)
    if (!names.insert(v.name.str()).second)
      throw Error(Errc::invalid, cat("duplicate volume name ", quoted(v.name.str())));
  for (const auto& app : m.apps)
    for (const auto& mount : app.mounts) check_mount(mount, m.volumes);
}

}  // namespace

void check_mounts(const PrepareRequest& request) {
  in_place([] { return "error parsing app image arguments"; },
           [&] {
             for (const auto& mount : request.mounts) check_mount(mount, request.volumes);
             for (const auto& app : request.apps)
               for (const auto& mount : app.mounts) check_mount(mount, request.volumes);
           });
}

appc::PodManifest plan_manifest(const PrepareRequest& request, const std::vector<appc::EnvVar>& own_env) {
  appc::PodManifest m;
  m.ac_version = RKT_VERSION;
  PodEnvironment environment{.set_env_file = request.set_env_file, .set_env = request.set_env};
  if (request.inherit_env) environment.inherited = own_env;
  for (const auto& one : request.apps) {
    appc::RuntimeApp app = plan_app(one, environment, request.mounts);
    if (m.find_app(app.name.str()) != nullptr)
      throw Error(Errc::invalid, cat("error: multiple apps with name ", app.name.str()));
    m.apps.push_back(std::move(app));
  }
  m.volumes = request.volumes;
  m.annotations = request.annotations;
  m.annotations.push_back({"coreos.com/rkt/stage1/mutable", request.mutable_pod ? "true" : "false"});
  m.user_annotations = request.user_annotations;
  m.user_labels = request.user_labels;
  check_volumes(m);
  std::vector<const appc::App*> apps;
  for (const auto& app : m.apps) apps.push_back(&*app.app);
  m.ports = expand_ranges(request.ports, apps);
  resolve_ports(m.ports, apps);
  return m;
}

}  // namespace rkt::stage0
