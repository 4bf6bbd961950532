// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/mount_plan.h"

#include <algorithm>

#include "base/strings.h"

namespace rkt::native {
namespace {

using Kind = MountOp::Kind;

constexpr const char* kReadOnly[] = {"/proc/asound", "/proc/bus", "/proc/fs",
                                     "/proc/irq",    "/proc/sys", "/proc/sysrq-trigger"};
constexpr const char* kHidden[] = {"/proc/acpi",        "/proc/config.gz",
                                   "/proc/kallsyms",    "/proc/kcore",
                                   "/proc/keys",        "/proc/key-users",
                                   "/proc/kmem",        "/proc/latency_stats",
                                   "/proc/mem",         "/proc/sched_debug",
                                   "/proc/scsi",        "/proc/timer_list",
                                   "/proc/timer_stats", "/proc/kpagecgroup",
                                   "/proc/kpagecount",  "/proc/kpageflags",
                                   "/proc/vmallocinfo", "/sys/devices/virtual/powercap",
                                   "/sys/firmware",     "/sys/fs",
                                   "/sys/hypervisor",   "/sys/module",
                                   "/sys/power"};

// Programs find a device by the name of its volume, wherever it is mounted. Of several places the first counts.
void add_device_links(const std::vector<VolumeMount>& volumes, std::vector<MountOp>& out) {
  for (const auto& m : volumes) {
    if (!m.device) continue;
    const MountOp link{.kind = Kind::link, .target = cat("/dev/.rkt/", m.volume.name.str()), .source = m.target};
    if (std::ranges::find(out, link.target, &MountOp::target) == out.end()) out.push_back(link);
  }
}

}  // namespace

std::string volume_backing(const VolumeMount& mount, std::string_view app) {
  const std::string& name = mount.volume.name.str();
  return mount.implicit ? cat("sharedVolumes/.implicit/", app, "/", name) : cat("sharedVolumes/", name);
}

std::vector<MountOp> plan_mounts(const MountInput& in) {
  // The operator may put a volume where something would be hidden. An image that names the place alone gets no volume
  // there, and nothing in /proc is ever uncovered.
  const auto replaced = [&](std::string_view place) {
    return std::ranges::any_of(in.volumes, [&](const VolumeMount& m) { return !m.implicit && m.target == place; });
  };
  const auto holds_volume = [&](std::string_view place) {
    return std::ranges::any_of(in.volumes,
                               [&](const VolumeMount& m) { return !m.implicit && is_at_or_below(m.target, place); });
  };
  std::vector<MountOp> out = {{.kind = Kind::proc, .target = "/proc"},
                              {.kind = Kind::dev, .target = "/dev"},
                              {.kind = Kind::pts, .target = "/dev/pts"},
                              {.kind = Kind::shm, .target = "/dev/shm"},
                              {.kind = Kind::mqueue, .target = "/dev/mqueue"}};
  if (in.console) out.push_back({.kind = Kind::console, .target = "/dev/console"});
  const bool own_sys = !replaced("/sys");
  if (own_sys) out.push_back({.kind = Kind::sys, .target = "/sys", .writable = !in.protect_paths});
  if (in.protect_paths) {
    for (const char* path : kReadOnly) out.push_back({.kind = Kind::read_only, .target = path});
    for (const std::string_view path : kHidden)
      if (!path.starts_with("/sys"))
        out.push_back({.kind = Kind::hide, .target = std::string(path)});
      else if (own_sys && !replaced(path))
        out.push_back({.kind = Kind::hide, .target = std::string(path), .writable = holds_volume(path)});
  }
  add_device_links(in.volumes, out);
  for (const auto& m : in.volumes) {
    if (is_at_or_below(m.target, "/proc") || (m.implicit && is_at_or_below(m.target, "/sys"))) continue;
    const bool host = m.volume.kind == appc::Volume::Kind::host;
    out.push_back({.kind = Kind::bind,
                   .target = m.target,
                   .source = host ? m.volume.source : volume_backing(m, in.app),
                   .recursive = m.recursive(),
                   .writable = !m.read_only});
  }
  out.push_back({.kind = Kind::hostname, .target = "/etc/hostname"});
  out.insert(out.end(), in.files.begin(), in.files.end());
  return out;
}

}  // namespace rkt::native
