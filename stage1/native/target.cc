// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/target.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "stage1/common/links.h"
#include "sys/mount_place.h"

namespace rkt::native {
namespace {

enum class Links : bool { unresolved, resolved };

// nullopt: it is missing, or there is a link on the way that is still to be resolved.
std::optional<UniqueFd> find_plain(const DirFd& root, const std::string& place, Links links) {
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  UniqueFd fd(static_cast<int>(::syscall(SYS_openat2, root.get(), place.c_str(), &how, sizeof how)));
  if (fd) return fd;
  if (errno == ENOENT || (errno == ELOOP && links == Links::unresolved)) return std::nullopt;
  throw Error::from_errno(cat("open ", quoted(place)));
}

// The root itself, and what the kernel's file systems show, are not to be had by way of a link.
void check_place(std::string_view asked, const std::string& place) {
  const bool kernels = place == "/dev" || place == "/sys" || is_at_or_below(place, "/proc");
  if (place == "/" || (kernels && clean_path(asked) != place))
    throw Error(Errc::invalid, cat(quoted(asked), " is a link to ", quoted(place), " in the image"));
}

bool is_directory(const UniqueFd& fd) {
  struct stat st{};
  return ::fstat(fd.get(), &st) == 0 && S_ISDIR(st.st_mode);
}

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

// nullopt: somebody else has made a directory there.
std::optional<UniqueFd> make_missing(const DirFd& root, const std::string& path, TargetKind kind) {
  const DirFd parent = root.make_path_in_root(parent_of(path));
  const std::string name = path.substr(path.rfind('/') + 1);
  UniqueFd made;
  if (kind == TargetKind::file) {
    made = parent.open_file(name, O_WRONLY | O_CREAT | O_EXCL, 0644);
  } else {
    if (::mkdirat(parent.get(), name.c_str(), 0755) < 0) {
      if (errno == EEXIST) return std::nullopt;
      throw Error::from_errno(cat("make directory ", quoted(path)));
    }
    made = parent.sub(name).release();
  }
  mark_place(made.get());
  return made;
}

}  // namespace

bool lies_in_volume(const std::vector<VolumeMount>& volumes, const DirFd& root, const std::string& path) {
  const std::string clean = clean_path(path), place = stage1::resolve_links(root, path);
  return std::ranges::any_of(volumes, [&](const VolumeMount& m) {
    const std::string target = m.place.empty() ? stage1::resolve_links(root, m.target) : m.place;
    return is_at_or_below(clean, m.target) || is_at_or_below(place, m.target) || is_at_or_below(place, target);
  });
}

UniqueFd make_target(const DirFd& root, std::string_view path, TargetKind kind) {
  std::string place = clean_path(path);
  auto fd = find_plain(root, std::string(path), Links::unresolved);
  // A link that turns up once they are resolved was put there meanwhile, by somebody who shares a volume.
  if (!fd) place = stage1::resolve_links(root, path);
  if (!fd && place != path) fd = find_plain(root, place, Links::resolved);
  check_place(path, place);
  if (!fd) {
    if (auto made = make_missing(root, place, kind)) return std::move(*made);
    fd = find_plain(root, place, Links::resolved);
  }
  if (!fd) throw Error(Errc::busy, cat(quoted(path), " went away while it was made"));
  if (is_directory(*fd) != (kind == TargetKind::directory))
    throw Error(Errc::invalid, cat(quoted(path), kind == TargetKind::file ? " is a directory, its source is not"
                                                                          : " is no directory, its source is"));
  return std::move(*fd);
}

UniqueFd make_top_directory(const DirFd& root, const std::string& name, mode_t mode) {
  const bool made = ::mkdirat(root.get(), name.c_str(), mode) == 0;
  if (!made && errno != EEXIST) throw Error::from_errno(cat("make directory ", quoted(cat("/", name))));
  const int flags = (made ? O_RDONLY : O_PATH) | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  UniqueFd fd(::openat(root.get(), name.c_str(), flags));
  if (!fd) throw Error(Errc::invalid, cat(quoted(cat("/", name)), " of the image is not a directory"));
  if (made) mark_place(fd.get());
  return fd;
}

}  // namespace rkt::native
