// SPDX-License-Identifier: Apache-2.0
#include "pod/mounts.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/escapes.h"
#include "base/strings.h"
#include "sys/dir.h"
#include "sys/mount.h"

namespace rkt::pod {
namespace {

// The mount at PATH/BELOW, on top if several are stacked; nothing of what is in between may be a link.
UniqueFd open_mount(const DirFd& base, std::string_view below) {
  const std::string name = below.empty() ? "." : std::string(below);
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC | O_NOFOLLOW;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return UniqueFd(static_cast<int>(::syscall(SYS_openat2, base.get(), name.c_str(), &how, sizeof how)));
}

// By descriptor: the text of a path below a pod is never resolved a second time.
std::string by_fd(const UniqueFd& fd) { return cat("/proc/self/fd/", fd.get()); }

}  // namespace

std::vector<std::string> plan_detach(std::string_view mountinfo, std::string_view path) {
  const std::string below = cat(path, "/");
  std::vector<std::string> out;
  for (const auto line : split(mountinfo, '\n')) {
    const auto fields = split(line, ' ');
    if (fields.size() < 5) continue;
    std::string at = octal_decode(fields[4]);
    if (at == path || at.starts_with(below)) out.push_back(std::move(at));
  }
  // A parent's path is a prefix of its children's, so it sorts first.
  std::sort(out.begin(), out.end());
  return out;
}

void detach_mounts_below(const std::string& path) {
  const auto mounts = plan_detach(read_mountinfo(), path);
  if (mounts.empty()) return;
  const auto slash = path.find_last_of('/');
  const DirFd base = DirFd::open(path.substr(0, slash));  // above the pod: the pod itself may be a mount point
  const auto open = [&](const std::string& at) { return open_mount(base, std::string_view(at).substr(slash + 1)); };
  const auto make_private = [](const UniqueFd& fd) {
    ::mount(nullptr, by_fd(fd).c_str(), nullptr, MS_PRIVATE, nullptr);
  };
  for (const auto& at : mounts)
    if (const UniqueFd fd = open(at)) make_private(fd);
  for (auto at = mounts.rbegin(); at != mounts.rend(); ++at) {
    const UniqueFd fd = open(*at);
    if (!fd) continue;  // went with its parent, or is hidden below another mount
    make_private(fd);   // of a stack only the top was reachable before
    if (::umount2(by_fd(fd).c_str(), MNT_DETACH) < 0 && errno != EINVAL)
      throw Error::from_errno(cat("detach ", quoted(*at)));
  }
}

}  // namespace rkt::pod
