// SPDX-License-Identifier: Apache-2.0
#include "stage0/overlay.h"

#include <linux/magic.h>
#include <sys/vfs.h>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "sys/file.h"

namespace rkt::stage0 {
namespace {

constexpr std::int64_t kAufs = 0x61756673, kZfs = 0x2fc12fc1;

// "": nothing.
std::string what_forbids_overlays(const DirFd& pod) {
  if (read_file("/proc/filesystems").find("nodev\toverlay") == std::string::npos)
    return "overlay entry not present in /proc/filesystems";
  struct statfs fs{};
  if (::fstatfs(pod.get(), &fs) < 0) throw Error::from_errno("stat the file system of the pods");
  if (fs.f_type == kAufs) return "unsupported filesystem: aufs";
  if (fs.f_type == kZfs) return "unsupported filesystem: zfs";
  // An overlay does not take another's directory for its upper one.
  if (fs.f_type == OVERLAYFS_SUPER_MAGIC) return "unsupported filesystem: the data directory is on overlayfs";
  return {};
}

}  // namespace

bool can_overlay(store::Store& store, const DirFd& pod, const PrepareRequest& request,
                 const std::optional<IdRange>& users) {
  if (!request.overlay) return false;
  if (const std::string why = what_forbids_overlays(pod); !why.empty()) {
    log::note("stage0", cat("disabling overlay support: ", quoted(why)));
    return false;
  }
  if (!users) return true;
  // Trees that cannot be shown with other owners are copied, and the copies' owners moved.
  const auto stage1 = tree::render(store, request.stage1, request.trees);
  if (tree::can_map_owners(stage1, make_user_namespace(*users).get())) return true;
  log::note("stage0", "warning: private users need copies of the images here: overlays cannot map owners");
  return false;
}

}  // namespace rkt::stage0
