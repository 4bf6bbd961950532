// SPDX-License-Identifier: Apache-2.0
#include "schema/appc/image_manifest.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/strings.h"
#include "schema/appc/codec.h"

namespace rkt::appc {
namespace {

constexpr json::Limits kManifestLimits{.bytes = std::size_t{4} << 20, .depth = 32};

std::vector<std::string> read_command(const json::Reader& in) {
  std::vector<std::string> out;
  for (const auto& word : in.items("exec"))
    if (out.push_back(word.text()); out.back().find('\0') != std::string::npos)
      word.fail("an argument holds a NUL character");
  return out;
}

EventHandler read_handler(const json::Reader& in) {
  EventHandler h{.name = in.at("name").text(), .exec = read_command(in)};
  if (h.name != "pre-start" && h.name != "post-stop") in.fail(cat("bad eventHandler \"name\": ", quoted(h.name)));
  return h;
}

MountPoint read_mount_point(const json::Reader& in) {
  return {
      .name = read_name(in.at("name")), .path = in.text_or("path", ""), .read_only = in.boolean_or("readOnly", false)};
}

std::vector<EnvVar> read_environment(const json::Reader& app) {
  std::vector<EnvVar> out;
  std::set<std::string> seen;
  for (const auto& in : app.items("environment")) {
    const EnvVar& v = out.emplace_back(EnvVar{in.at("name").text(), in.text_or("value", "")});
    if (!valid_env_name(v.name))
      in.at("name").fail(cat("environment variable does not have valid identifier ", quoted(v.name)));
    if (v.value.find('\0') != std::string::npos)
      in.at("value").fail(cat("environment variable ", quoted(v.name), " holds a NUL character"));
    if (!seen.insert(v.name).second) in.at("name").fail(cat("duplicate environment variable of name ", quoted(v.name)));
  }
  return out;
}

std::vector<EventHandler> read_handlers(const json::Reader& app) {
  std::vector<EventHandler> out;
  for (const auto& in : app.items("eventHandlers")) {
    EventHandler h = read_handler(in);
    if (std::ranges::find(out, h.name, &EventHandler::name) != out.end())
      in.at("name").fail(cat("Only one eventHandler of name ", quoted(h.name), " allowed"));
    out.push_back(std::move(h));
  }
  return out;
}

Dependency read_dependency(const json::Reader& in) {
  Dependency d;
  const std::string name = in.text_or("imageName", "");
  if (name.empty()) in.fail("imageName cannot be empty");
  d.image_name = read_identifier(in.at("imageName"));
  if (const auto id = in.find("imageID")) {
    d.image_id = ImageId::parse(id->text());
    if (!d.image_id) id->fail(ImageId::complaint(id->text()));
  }
  d.labels = read_labels(in);
  if (const auto size = in.find("size")) d.size = static_cast<std::uint64_t>(size->integer(0));
  return d;
}

}  // namespace

const std::string* App::find_env(std::string_view name) const {
  const auto it = std::find_if(environment.begin(), environment.end(), [&](const EnvVar& v) { return v.name == name; });
  return it == environment.end() ? nullptr : &it->value;
}

void App::set_env(std::string name, std::string value) {
  for (auto& v : environment) {
    if (v.name != name) continue;
    v.value = std::move(value);
    return;
  }
  environment.push_back({std::move(name), std::move(value)});
}

std::string ImageManifest::version() const {
  const std::string* v = find_label(labels, "version");
  return v == nullptr ? "" : *v;
}

std::string ImageManifest::display_name() const {
  const std::string v = version();
  return v.empty() ? name : cat(name, ":", v);
}

bool ImageManifest::is_docker() const { return find_annotation(annotations, "appc.io/docker/repository") != nullptr; }

Port parse_port(const json::Reader& in) {
  Port p{.name = read_name(in.at("name")), .protocol = in.text_or("protocol", "")};
  const auto number = in.at("port");
  const auto port = number.integer();
  if (port < 1 || port > 65535) number.fail("port must be in 1-65535 range");
  p.port = static_cast<std::uint16_t>(port);
  if (const auto count = in.find("count")) {
    const auto n = count->integer(0, 65535);
    if (port + std::max<std::int64_t>(n, 1) > 65536) count->fail("end of port range must be in 1-65535 range");
    p.count = static_cast<std::uint16_t>(std::max<std::int64_t>(n, 1));
  }
  p.socket_activated = in.boolean_or("socketActivated", false);
  return p;
}

App parse_app(const json::Reader& in) {
  App app;
  app.exec = read_command(in);
  app.event_handlers = read_handlers(in);
  app.user = in.text_or("user", "");
  app.group = in.text_or("group", "");
  if (app.user.empty()) in.fail("user is required");
  if (app.group.empty()) in.fail("group is required");
  for (const auto& gid : in.items("supplementaryGIDs")) app.supplementary_gids.push_back(gid.integer(0, 0xfffffffe));
  app.working_directory = in.text_or("workingDirectory", "");
  if (!app.working_directory.empty() && app.working_directory[0] != '/')
    in.fail("workingDirectory must be an absolute path");
  app.environment = read_environment(in);
  for (const auto& m : in.items("mountPoints")) app.mount_points.push_back(read_mount_point(m));
  for (const auto& p : in.items("ports")) app.ports.push_back(parse_port(p));
  app.isolators = read_isolators(in);
  interpret_isolators(app.isolators, cat(in.path(), ".isolators"));
  app.user_annotations = read_string_pairs(in, "userAnnotations");
  app.user_labels = read_string_pairs(in, "userLabels");
  return app;
}

ImageManifest parse_image_manifest(std::string_view json_text) {
  const json::Value value =
      in_context([] { return std::string("image manifest"); }, [&] { return json::parse(json_text, kManifestLimits); });
  const json::Reader in(value, "", json::Reader::Case::any);
  ImageManifest m;
  check_kind(in, "ImageManifest");
  m.ac_version = read_version(in);
  if (in.text_or("name", "").empty()) in.fail("name must be set");
  m.name = read_identifier(in.at("name"));
  m.labels = read_labels(in);
  if (const auto app = in.find("app")) m.app = parse_app(*app);
  m.annotations = read_annotations(in);
  for (const auto& d : in.items("dependencies")) m.dependencies.push_back(read_dependency(d));
  m.path_whitelist = in.texts("pathWhitelist");
  return m;
}

json::Value to_json(const Port& p) {
  json::Object o;
  o.set("name", p.name.str());
  o.set("protocol", p.protocol);
  o.set("port", static_cast<int>(p.port));
  o.set("count", static_cast<int>(p.count));
  o.set("socketActivated", p.socket_activated);
  return o;
}

json::Value to_json(const App& app) {
  json::Object o;
  o.set("exec", app.exec.empty() ? json::Value() : json::Value(text_array(app.exec)));
  add_unless_empty(o, "eventHandlers", map_array(app.event_handlers, [](const EventHandler& h) {
                     json::Object e;
                     e.set("name", h.name);
                     e.set("exec", text_array(h.exec));
                     return e;
                   }));
  o.set("user", app.user);
  o.set("group", app.group);
  add_unless_empty(o, "supplementaryGIDs",
                   map_array(app.supplementary_gids, [](std::int64_t gid) { return json::Value(gid); }));
  if (!app.working_directory.empty()) o.set("workingDirectory", app.working_directory);
  add_unless_empty(o, "environment",
                   map_array(app.environment, [](const EnvVar& v) { return name_value(v.name, v.value); }));
  add_unless_empty(o, "mountPoints", map_array(app.mount_points, [](const MountPoint& m) {
                     json::Object e;
                     e.set("name", m.name.str());
                     e.set("path", m.path);
                     if (m.read_only) e.set("readOnly", true);
                     return e;
                   }));
  add_unless_empty(o, "ports", map_array(app.ports, [](const Port& p) { return to_json(p); }));
  add_unless_empty(o, "isolators", isolators_json(app.isolators));
  add_pairs(o, "userAnnotations", app.user_annotations);
  add_pairs(o, "userLabels", app.user_labels);
  return o;
}

json::Value to_json(const ImageManifest& m) {
  json::Object o;
  o.set("acKind", "ImageManifest");
  o.set("acVersion", m.ac_version);
  o.set("name", m.name);
  add_unless_empty(o, "labels", labels_json(m.labels));
  if (m.app) o.set("app", to_json(*m.app));
  add_unless_empty(o, "annotations", annotations_json(m.annotations));
  add_unless_empty(o, "dependencies", map_array(m.dependencies, [](const Dependency& d) {
                     json::Object e;
                     e.set("imageName", d.image_name);
                     if (d.image_id) e.set("imageID", d.image_id->str());
                     add_unless_empty(e, "labels", labels_json(d.labels));
                     if (d.size != 0) e.set("size", d.size);
                     return e;
                   }));
  add_unless_empty(o, "pathWhitelist", text_array(m.path_whitelist));
  return o;
}

std::string write(const ImageManifest& manifest, json::Style style) { return json::write(to_json(manifest), style); }

}  // namespace rkt::appc
