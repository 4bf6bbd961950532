// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/volumes.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"

namespace rkt::native {
namespace {

std::size_t depth(std::string_view path) { return static_cast<std::size_t>(std::ranges::count(path, '/')); }

// The mount point says whether the app may write; a volume that says so itself has the last word.
bool read_only(const appc::Volume& volume, const appc::MountPoint* point) {
  return volume.read_only.value_or(point != nullptr && point->read_only);
}

const appc::MountPoint* find_point(const std::vector<appc::MountPoint>& points, std::string_view name) {
  const auto it = std::ranges::find_if(points, [&](const auto& p) { return p.name.str() == name; });
  return it == points.end() ? nullptr : &*it;
}

}  // namespace

std::string clean_path(std::string_view path) {
  std::vector<std::string_view> parts;
  for (const auto part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..")
      parts.push_back(part);
    else if (!parts.empty())
      parts.pop_back();
  }
  std::string out;
  for (const auto part : parts) out += cat("/", part);
  return out.empty() ? "/" : out;
}

bool is_at_or_below(std::string_view path, std::string_view dir) {
  if (dir == "/") return true;
  return path.starts_with(dir) && (path.size() == dir.size() || path[dir.size()] == '/');
}

std::vector<VolumeMount> plan_volumes(const appc::RuntimeApp& runtime,
                                      const std::vector<appc::MountPoint>& mount_points, const appc::PodManifest& pod,
                                      const std::function<void(std::string_view)>& warn) {
  std::vector<VolumeMount> out;
  for (const auto& m : runtime.mounts) {
    const appc::Volume* volume = m.app_volume ? &*m.app_volume : pod.find_volume(m.volume);
    if (volume == nullptr) throw Error(Errc::invalid, cat("could not find volume ", quoted(m.volume)));
    out.push_back({.target = clean_path(m.path),
                   .volume = *volume,
                   .read_only = read_only(*volume, find_point(mount_points, volume->name.str()))});
  }
  for (const auto& point : mount_points) {
    const std::string target = clean_path(point.path);
    if (std::ranges::any_of(out, [&](const VolumeMount& m) { return m.target == target; })) continue;
    if (const appc::Volume* volume = pod.find_volume(point.name.str())) {
      out.push_back({.target = target, .volume = *volume, .read_only = read_only(*volume, &point)});
      continue;
    }
    warn(cat("warning: no volume specified for mount point ", quoted(point.name.str()),
             ", implicitly creating an \"empty\" volume. This volume will be removed when the pod is "
             "garbage-collected."));
    appc::Volume made{.name = appc::AcName::parse(cat(runtime.name.str(), "-", point.name.str()))};
    out.push_back({.target = target, .volume = std::move(made), .read_only = point.read_only, .implicit = true});
  }
  for (const auto& m : out)
    if (m.target == "/") throw Error(Errc::invalid, "a volume cannot be mounted on \"/\"");
  std::ranges::stable_sort(out, {}, [](const VolumeMount& m) { return depth(m.target); });
  return out;
}

}  // namespace rkt::native
