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

}  // namespace

std::string volume_backing(const appc::Volume& volume) { return cat("sharedVolumes/", volume.name.str()); }

std::vector<MountOp> plan_mounts(const MountInput& in) {
  // A volume where something would be hidden, or below it, was asked for by the operator or the image's mount points.
  const auto wanted = [&](std::string_view place) {
    return std::ranges::any_of(in.volumes, [&](const VolumeMount& m) { return is_at_or_below(m.target, place); });
  };
  std::vector<MountOp> out = {{.kind = Kind::proc, .target = "/proc"},
                              {.kind = Kind::dev, .target = "/dev"},
                              {.kind = Kind::pts, .target = "/dev/pts"},
                              {.kind = Kind::shm, .target = "/dev/shm"},
                              {.kind = Kind::mqueue, .target = "/dev/mqueue"}};
  if (in.console) out.push_back({.kind = Kind::console, .target = "/dev/console"});
  const bool own_sys = std::ranges::none_of(in.volumes, [](const VolumeMount& m) { return m.target == "/sys"; });
  if (own_sys) out.push_back({.kind = Kind::sys, .target = "/sys", .writable = !in.protect_paths});
  if (in.protect_paths) {
    for (const char* path : kReadOnly) out.push_back({.kind = Kind::read_only, .target = path});
    for (const std::string_view path : kHidden)
      if ((own_sys || !path.starts_with("/sys")) && !wanted(path))
        out.push_back({.kind = Kind::hide, .target = std::string(path)});
  }
  for (const auto& m : in.volumes) {
    if (is_at_or_below(m.target, "/proc")) continue;
    const bool host = m.volume.kind == appc::Volume::Kind::host;
    out.push_back({.kind = Kind::bind,
                   .target = m.target,
                   .source = host ? m.volume.source : volume_backing(m.volume),
                   .recursive = m.recursive(),
                   .writable = !m.read_only});
  }
  out.push_back({.kind = Kind::hostname, .target = "/etc/hostname"});
  out.insert(out.end(), in.files.begin(), in.files.end());
  return out;
}

}  // namespace rkt::native
