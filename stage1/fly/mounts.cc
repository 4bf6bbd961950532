// SPDX-License-Identifier: Apache-2.0
#include "stage1/fly/mounts.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/strings.h"
#include "sys/file.h"
#include "sys/mount.h"
#include "sys/mount_place.h"

namespace rkt::fly {
namespace {

constexpr mode_t kDirMode = 0755;   // of missing target directories
constexpr mode_t kFileMode = 0700;  // of missing target files, as the reference

bool is_directory(int fd) {
  struct stat st{};
  if (::fstat(fd, &st) < 0) throw Error::from_errno("look at a mount's end");
  return S_ISDIR(st.st_mode);
}

std::string parent_of(const std::string& path) {
  const auto slash = path.find_last_not_of('/') == std::string::npos ? 0 : path.rfind('/', path.find_last_not_of('/'));
  return slash == std::string::npos || slash == 0 ? "/" : path.substr(0, slash);
}

// The place inside the root that a mount covers, made when missing.
UniqueFd open_target(const DirFd& root, const std::string& path, bool directory) {
  if (auto there = root.find_in_root(path, O_PATH)) return std::move(*there);
  if (directory) {
    UniqueFd made = root.make_path_in_root(path, kDirMode).release();
    mark_place(made.get());
    return made;
  }
  root.make_path_in_root(parent_of(path), kDirMode);
  mark_place(root.open_in_root(path, O_WRONLY | O_CREAT | O_NOCTTY | O_NONBLOCK, kFileMode).get());
  return root.open_in_root(path, O_PATH);
}

void apply_tmpfs(const DirFd& root, const MountOp& op) {
  DetachedMount::make("tmpfs", {{"mode", "1777"}}, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
      .attach(open_target(root, op.target, true).get());
}

}  // namespace

void apply_bind(const DirFd& root, const MountOp& op) {
  const auto depth = op.recursive ? DetachedMount::Depth::recursive : DetachedMount::Depth::this_mount;
  const auto mount = DetachedMount::copy(AT_FDCWD, op.source, depth);
  const bool directory = is_directory(mount.fd());
  const UniqueFd target = open_target(root, op.target, directory);
  if (directory != is_directory(target.get())) {
    const auto& [dir, other] = directory ? std::pair(op.source, op.target) : std::pair(op.target, op.source);
    throw Error(Errc::invalid,
                cat("can't mount because ", quoted(dir), " is a directory while ", quoted(other), " is not"));
  }
  if (op.read_only) mount.restrict(MOUNT_ATTR_RDONLY, depth);
  mount.attach(target.get());
}

void apply_mounts(const DirFd& root, const std::vector<MountOp>& plan) {
  for (const auto& op : plan)
    in_context(
        [&] { return cat("can't mount ", quoted(op.source.empty() ? "tmpfs" : op.source), " on ", quoted(op.target)); },
        [&] { op.kind == MountOp::Kind::tmpfs ? apply_tmpfs(root, op) : apply_bind(root, op); });
}

void replace_file(const DirFd& root, const std::string& dir, const std::string& name, std::string_view content) {
  const DirFd place = root.make_path_in_root(dir, kDirMode);
  place.unlink(name);
  write_all(place.open_file(name, O_WRONLY | O_CREAT | O_EXCL, 0644).get(), content, name);
}

}  // namespace rkt::fly
