// SPDX-License-Identifier: Apache-2.0
// Docker/OCI image -> appc manifest (reference: images §4.7). What violates appc's rules and has no meaning for running
// (odd environment entries) is dropped; what would change how the image runs is an error.
#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/strings.h"
#include "schema/oci/image.h"
#include "sys/digest.h"

namespace rkt::oci {
namespace {

appc::MountPoint mount_point(const std::string& path, std::set<std::string>& taken) {
  const std::string base = appc::AcName::sanitize(cat("volume", path)).str();
  std::string name = base;
  for (int n = 1; !taken.insert(name).second; ++n) name = cat(base, "-", n);
  return {.name = appc::AcName::parse(name), .path = path};
}

appc::Port port(const std::string& key) {
  const auto slash = key.find('/');
  const auto number = parse_int<std::uint16_t>(std::string_view(key).substr(0, slash));
  if (!number || *number == 0) throw Error(Errc::invalid, cat("error parsing port ", quoted(key)));
  appc::Port p{.name = appc::AcName::sanitize(key),
               .protocol = slash == std::string::npos ? "tcp" : key.substr(slash + 1),
               .port = *number};
  return p;
}

void map_user(const std::string& user, appc::App& app) {
  const auto colon = user.find(':');
  app.user = user.substr(0, colon);
  app.group = colon == std::string::npos ? app.user : user.substr(colon + 1);
  if (app.user.empty()) app.user = "0";
  if (app.group.empty()) app.group = "0";
}

std::string json_words(const std::vector<std::string>& words) {
  json::Array a;
  for (const auto& w : words) a.emplace_back(w);
  return json::write(a);
}

appc::App map_app(const Config::Exec& in) {
  appc::App app;
  app.exec = in.entrypoint;
  app.exec.insert(app.exec.end(), in.cmd.begin(), in.cmd.end());
  map_user(in.user, app);
  app.working_directory = in.working_dir;
  if (!app.working_directory.empty() && app.working_directory[0] != '/')
    throw Error(Errc::invalid, cat("working directory ", quoted(app.working_directory), " is not absolute"));
  for (const auto& entry : in.env) {
    const auto equals = entry.find('=');
    if (equals == std::string::npos || !appc::valid_env_name(std::string_view(entry).substr(0, equals))) continue;
    app.set_env(entry.substr(0, equals), entry.substr(equals + 1));
  }
  std::set<std::string> taken;
  for (const auto& volume : in.volumes) {
    if (volume.empty()) throw Error(Errc::invalid, "a volume without a path");
    const std::string path = volume[0] == '/' ? volume : cat("/", volume);  // what `VOLUME data` means to Docker
    if (std::ranges::find(app.mount_points, path, &appc::MountPoint::path) == app.mount_points.end())
      app.mount_points.push_back(mount_point(path, taken));
  }
  std::ranges::sort(app.mount_points, {}, &appc::MountPoint::name);
  for (const auto& key : in.exposed_ports) app.ports.push_back(port(key));
  std::sort(app.ports.begin(), app.ports.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  app.user_labels = in.labels;
  std::sort(app.user_labels.begin(), app.user_labels.end());
  return app;
}

}  // namespace

appc::ImageManifest map_to_appc(const Manifest& manifest, const Config& config, const MappingSource& source) {
  const auto arch = appc::arch_from_oci(config.architecture, config.variant);
  if (config.os != "linux" || !arch)
    throw Error(Errc::unsupported,
                cat("the image is for ", config.os, "/", config.architecture, ", which cannot run here"));
  if (config.diff_ids.size() != manifest.layers.size())
    throw Error(Errc::invalid, cat("the image has ", manifest.layers.size(), " layers, but its configuration names ",
                                   config.diff_ids.size()));
  appc::ImageManifest m;
  m.ac_version = "0.8.11";
  m.name = appc::AcIdentifier::sanitize(source.name).str();
  if (!source.tag.empty()) m.labels.push_back({"version", source.tag});
  m.labels.push_back({"os", "linux"});
  m.labels.push_back({"arch", *arch});
  if (config.config) m.app = map_app(*config.config);
  const auto annotate = [&](std::string name, std::string value) {
    if (!value.empty()) m.annotations.push_back({std::move(name), std::move(value)});
  };
  annotate("author", config.author);
  annotate("created", config.created);
  annotate("appc.io/docker/originalname", source.original_name);
  annotate("appc.io/docker/registryurl", source.registry_url);
  annotate("appc.io/docker/repository", source.repository);
  annotate("appc.io/docker/imageid", manifest.config.digest);
  annotate("appc.io/docker/tag", source.tag);
  if (config.config && !config.config->entrypoint.empty())
    annotate("appc.io/docker/entrypoint", json_words(config.config->entrypoint));
  if (config.config && !config.config->cmd.empty()) annotate("appc.io/docker/cmd", json_words(config.config->cmd));
  annotate("appc.io/docker/manifesthash", source.manifest_digest);
  if (config.config && m.app->user == m.app->group && config.config->user.contains(':'))
    annotate(std::string(appc::kDockerUser), config.config->user);
  if (config.config) annotate(std::string(appc::kStopSignal), config.config->stop_signal);
  (void)appc::parse_image_manifest(appc::write(m));  // appc's rules for values, before anything is stored
  return m;
}

appc::ImageId image_id(std::string_view manifest_bytes, const appc::ImageManifest& mapped) {
  return appc::ImageId::from_digest(sha512_hex(cat(mapped.name, "\n", mapped.version(), "\n", manifest_bytes)));
}

}  // namespace rkt::oci
