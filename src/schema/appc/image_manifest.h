// SPDX-License-Identifier: Apache-2.0
// The appc image manifest (0.8.11; reference: images §1.4-1.9): struct, parse, validate, write. Member names match in
// any case; unknown members are ignored; null is absent. Written in the reference's order, so that output is stable.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "json/reader.h"
#include "schema/appc/isolators.h"
#include "schema/appc/types.h"

namespace rkt::appc {

struct EventHandler {
  std::string name;  ///< pre-start, post-stop
  std::vector<std::string> exec;
};

struct MountPoint {
  AcName name;
  std::string path;
  bool read_only = false;
};

struct Port {
  AcName name;
  std::string protocol;
  std::uint16_t port = 0;
  std::uint16_t count = 1;
  bool socket_activated = false;
};

using StringPairs = std::vector<std::pair<std::string, std::string>>;

struct App {
  std::vector<std::string> exec;
  std::vector<EventHandler> event_handlers;
  std::string user, group;
  std::vector<std::int64_t> supplementary_gids;
  std::string working_directory;
  std::vector<EnvVar> environment;
  std::vector<MountPoint> mount_points;
  std::vector<Port> ports;
  std::vector<Isolator> isolators;
  StringPairs user_annotations, user_labels;

  const std::string* find_env(std::string_view name) const;
  void set_env(std::string name, std::string value);  ///< replaces in place, or appends
};

struct Dependency {
  std::string image_name;
  std::optional<ImageId> image_id;
  Labels labels;
  std::uint64_t size = 0;
};

struct ImageManifest {
  std::string ac_version;
  std::string name;
  Labels labels;
  std::optional<App> app;
  std::vector<Annotation> annotations;
  std::vector<Dependency> dependencies;
  std::vector<std::string> path_whitelist;

  std::string version() const;       ///< the version label, or ""
  std::string display_name() const;  ///< name[:version]
  bool is_docker() const;            ///< carries appc.io/docker/repository
};

ImageManifest parse_image_manifest(std::string_view json_text);  ///< throws Errc::invalid
json::Value to_json(const ImageManifest& manifest);
std::string write(const ImageManifest& manifest, json::Style style = json::Style::compact);

/// Shared with the pod manifest.
App parse_app(const json::Reader& in);
Port parse_port(const json::Reader& in);
json::Value to_json(const App& app);
json::Value to_json(const Port& port);

}  // namespace rkt::appc
