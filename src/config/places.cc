// SPDX-License-Identifier: Apache-2.0
#include "config/places.h"

#include "base/strings.h"

namespace rkt::config {
namespace {

// An empty variable is as good as none, as for the other tools.
std::string value_of(const GetEnv& env, const char* name) { return env(name).value_or(std::string()); }

std::vector<std::string> auth_files(const GetEnv& env, unsigned uid) {
  std::vector<std::string> out;
  const std::string run = value_of(env, "XDG_RUNTIME_DIR"), home = value_of(env, "HOME");
  out.push_back(cat(run.empty() ? cat("/run/containers/", uid) : cat(run, "/containers"), "/auth.json"));
  const std::string own = value_of(env, "XDG_CONFIG_HOME");
  if (!own.empty())
    out.push_back(cat(own, "/containers/auth.json"));
  else if (!home.empty())
    out.push_back(cat(home, "/.config/containers/auth.json"));
  const std::string docker = value_of(env, "DOCKER_CONFIG");
  if (!docker.empty())
    out.push_back(cat(docker, "/config.json"));
  else if (!home.empty())
    out.push_back(cat(home, "/.docker/config.json"));
  return out;
}

}  // namespace

ToolPlaces tool_places(const GetEnv& env, unsigned uid, const std::function<bool(const std::string&)>& exists) {
  ToolPlaces out;
  if (std::string named = value_of(env, "REGISTRY_AUTH_FILE"); !named.empty()) {
    out.auth_files = {std::move(named)};
    out.auth_required = true;
  } else {
    out.auth_files = auth_files(env, uid);
  }
  const std::string home = value_of(env, "HOME");
  const std::string own = home.empty() ? std::string() : cat(home, "/.config/containers/");
  out.registries = "/etc/containers/registries.conf";
  if (std::string named = value_of(env, "CONTAINERS_REGISTRIES_CONF"); !named.empty()) {
    out.registries = std::move(named);
    out.registries_required = true;
  } else if (!own.empty() && exists(own + "registries.conf")) {
    out.registries = own + "registries.conf";
  }
  out.registries_directories = {"/etc/containers/registries.conf.d"};
  out.certificates = {"/etc/containers/certs.d", "/etc/docker/certs.d"};
  if (own.empty()) return out;
  out.registries_directories.push_back(own + "registries.conf.d");
  out.certificates.insert(out.certificates.begin(), own + "certs.d");
  return out;
}

}  // namespace rkt::config
