// SPDX-License-Identifier: Apache-2.0
#include "stage0/manifest_check.h"

#include <set>

#include "base/error.h"
#include "base/strings.h"
#include "schema/appc/settings.h"
#include "stage0/apps.h"

namespace rkt::stage0 {
namespace {

// `check` gets each one, and its place.
template <class List, class Check>
void each(const List& list, std::string_view place, const Check& check) {
  for (std::size_t i = 0; i < list.size(); ++i) check(list[i], cat(place, "[", i, "]"));
}

Error wrong(std::string_view place, std::string_view why) { return {Errc::invalid, cat(place, ": ", why)}; }

void check_annotations(const std::vector<appc::Annotation>& annotations, std::string_view place) {
  each(annotations, place, [](const appc::Annotation& a, const std::string& there) {
    in_place([&] { return cat(there, ".value"); }, [&] { appc::check_setting(a); });
  });
}

void check_target(const std::string& path, const std::string& place) {
  if (path.empty()) throw wrong(place, "path must be set");
  if (clean_path(path) == "/") throw wrong(cat(place, ".path"), "a volume cannot be mounted on \"/\"");
}

void check_section(const appc::App& app, const std::string& place) {
  if (app.exec.empty()) throw wrong(cat(place, ".exec"), "a program must be named");
  each(app.event_handlers, cat(place, ".eventHandlers"), [](const appc::EventHandler& h, const std::string& there) {
    if (h.exec.empty() || !h.exec.front().starts_with('/'))
      throw wrong(cat(there, ".exec"), cat("event handler ", quoted(h.name), " needs an absolute path"));
  });
  std::set<std::string> names;
  each(app.mount_points, cat(place, ".mountPoints"), [&](const appc::MountPoint& m, const std::string& there) {
    check_target(m.path, there);
    if (!names.insert(m.name.str()).second)
      throw wrong(cat(there, ".name"), cat("duplicate mount point ", quoted(m.name.str())));
  });
}

}  // namespace

void check_settings(const appc::PodManifest& manifest) {
  check_annotations(manifest.annotations, "annotations");
  each(manifest.apps, "apps", [](const appc::RuntimeApp& app, const std::string& place) {
    check_annotations(app.annotations, cat(place, ".annotations"));
  });
}

void check_pod_manifest(const appc::PodManifest& manifest) {
  (void)appc::interpret_pod_isolators(manifest.isolators, "isolators");
  each(manifest.apps, "apps", [&](const appc::RuntimeApp& app, const std::string& place) {
    each(app.mounts, cat(place, ".mounts"), [&](const appc::Mount& m, const std::string& there) {
      check_target(m.path, there);
      in_place([&] { return there; }, [&] { check_mount(m, manifest.volumes); });
    });
    if (app.app) check_section(*app.app, cat(place, ".app"));
  });
}

}  // namespace rkt::stage0
