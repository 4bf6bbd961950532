// SPDX-License-Identifier: Apache-2.0
#include "stage1/fly/plan.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"

namespace rkt::fly {
namespace {

// What is mounted under one volume name.
struct Wanted {
  std::string volume, path;
  bool from_image = false;  // declared as a mount point: a volume must be there
  bool image_read_only = false;
  const appc::Volume* own = nullptr;  // named by the mount itself
};

std::vector<Wanted> collect(const appc::RuntimeApp& app, const std::vector<appc::MountPoint>& mount_points) {
  std::vector<Wanted> out;
  for (const auto& m : app.mounts) {
    if (std::ranges::find(out, m.volume, &Wanted::volume) != out.end())
      throw Error(Errc::invalid, cat("duplicate mount given: ", quoted(m.volume)));
    out.push_back({.volume = m.volume, .path = m.path, .own = m.app_volume ? &*m.app_volume : nullptr});
  }
  for (const auto& p : mount_points) {
    auto it = std::ranges::find(out, p.name.str(), &Wanted::volume);
    if (it == out.end()) it = out.insert(out.end(), {.volume = p.name.str(), .path = p.path});
    if (it->path != p.path)
      throw Error(Errc::invalid, cat("conflicting path information from mount and mountpoint ", quoted(p.name.str())));
    it->from_image = true;
    it->image_read_only = p.read_only;
  }
  return out;
}

const appc::Volume& volume_of(const Wanted& w, const std::vector<appc::Volume>& volumes) {
  if (w.own != nullptr) return *w.own;
  const auto it = std::ranges::find(volumes, w.volume, [](const appc::Volume& v) { return v.name.str(); });
  if (it != volumes.end()) return *it;
  throw Error(Errc::invalid, cat("missing volume for ", w.from_image ? "mountpoint " : "mount ", quoted(w.volume)));
}

// Parts of a path, so that "/a" sorts before "/a/b" and "/a-b" does not come between them.
std::vector<std::string> parts_of(const std::string& path) {
  std::vector<std::string> out;
  for (const auto part : split(path, '/'))
    if (!part.empty() && part != ".") out.emplace_back(part);
  return out;
}

// The app's root is what it is, and this stage1 goes on to read the host's /proc in it. Those, and what the kernel's
// other file systems show, are not to be had by way of an image's link, either.
void check_place(const Wanted& w, const std::string& place) {
  const auto asked = parts_of(w.path);
  if (asked.empty() || asked == std::vector<std::string>{"proc"})
    throw Error(Errc::invalid, cat("volume ", quoted(w.volume), " cannot be mounted on ", quoted(w.path)));
  const bool kept =
      place == "/" || place == "/proc" || place.starts_with("/proc/") || place == "/sys" || place == "/dev";
  if (kept && parts_of(place) != asked)
    throw Error(Errc::invalid, cat(quoted(w.path), " is a link to ", quoted(place), " in the image"));
}

}  // namespace

std::string empty_volume_path(const std::string& volume) { return cat("sharedVolumes/", volume); }

std::vector<MountOp> plan_mounts(const appc::RuntimeApp& app, const std::vector<appc::MountPoint>& mount_points,
                                 const std::vector<appc::Volume>& volumes, const std::string& pod_path,
                                 const PlaceOf& place_of) {
  std::vector<MountOp> out;
  for (const char* dir : {"/dev", "/proc", "/sys"}) out.push_back({.source = dir, .target = dir, .recursive = true});
  out.push_back({.kind = MountOp::Kind::tmpfs, .source = {}, .target = "/tmp"});
  std::vector<MountOp> mounts;
  for (const auto& w : collect(app, mount_points)) {
    const appc::Volume& v = volume_of(w, volumes);
    const std::string place = place_of(w.path);
    check_place(w, place);
    const bool host = v.kind == appc::Volume::Kind::host;
    const bool read_only = v.read_only.value_or(w.image_read_only);
    mounts.push_back({.source = host ? v.source : cat(pod_path, "/", empty_volume_path(v.name.str())),
                      .target = place,
                      .recursive = v.recursive.value_or(false),
                      .read_only = read_only,
                      .gives_back = host && !read_only});
  }
  std::ranges::stable_sort(mounts, {}, [](const MountOp& m) { return parts_of(m.target); });
  out.insert(out.end(), std::make_move_iterator(mounts.begin()), std::make_move_iterator(mounts.end()));
  return out;
}

}  // namespace rkt::fly
