// SPDX-License-Identifier: Apache-2.0
#include "stage1/fly/mounts.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/strings.h"
#include "sys/mount.h"
#include "sys/mount_place.h"
#include "sys/ns.h"

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

DetachedMount::Depth depth_of(const MountOp& op) {
  return op.recursive ? DetachedMount::Depth::recursive : DetachedMount::Depth::this_mount;
}

// The mount that a descriptor is in, by the kernel's number.
std::uint64_t mount_id(int fd) {
  struct statx st{};
  if (::statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &st) < 0) throw Error::from_errno("look at a mount");
  return st.stx_mnt_id;
}

// Where the image's own links lead was looked at before (plan.cc): a volume may have brought others.
void check_target(const DirFd& root, int target, const std::string& path) {
  struct stat there{}, st{};
  if (::fstat(target, &there) < 0) throw Error::from_errno("look at a mount's end");
  for (const std::string_view place : {"/", "/dev", "/proc", "/sys"}) {
    const bool whole = place == "/proc";  // with what is below
    if (path == place || (whole && path.starts_with("/proc/"))) return;
    const auto fd = root.find_in_root(place, O_PATH | O_NOFOLLOW);
    if (!fd || mount_id(fd->get()) != mount_id(target)) continue;
    if (whole && mount_id(fd->get()) == mount_id(root.get())) continue;  // not mounted yet, or a link itself
    if (whole || (::fstat(fd->get(), &st) == 0 && st.st_ino == there.st_ino))
      throw Error(Errc::invalid, cat(quoted(path), " is a link to ", quoted(place), ", which nothing covers"));
  }
}

// That mount, the one which that is mounted in, and so on.
std::vector<std::uint64_t> mounts_around(int fd) {
  std::map<std::uint64_t, std::uint64_t> parents;
  const std::string text = read_mountinfo();
  for (const auto line : split(text, '\n')) {
    const auto fields = split(line, ' ');
    const auto id = parse_int<std::uint64_t>(fields.front());
    const auto parent = fields.size() > 1 ? parse_int<std::uint64_t>(fields[1]) : std::nullopt;
    if (id && parent) parents[*id] = *parent;
  }
  std::vector<std::uint64_t> out{mount_id(fd)};
  // The root of a namespace is mounted in itself or in what is not to be seen.
  for (auto at = parents.find(out.back()); at != parents.end() && out.size() <= parents.size();
       at = parents.find(out.back()))
    out.push_back(at->second);
  return out;
}

struct stat root_directory() {
  struct stat st{};
  if (::stat("/", &st) < 0) throw Error::from_errno("look at the root directory");
  return st;
}

}  // namespace

// What is called by the same name there is only the same if rkt's root directory is the namespace's.
void AppMounts::copy_peers(const std::vector<MountOp>& plan) {
  if (host_ < 0 || std::ranges::none_of(plan, &MountOp::gives_back)) return;
  const struct stat here = root_directory();
  const MountHome home;
  join_namespaces(host_, CLONE_NEWNS);
  const struct stat there = root_directory();
  if (here.st_dev != there.st_dev || here.st_ino != there.st_ino) return;
  for (const auto& op : plan)
    if (op.gives_back)
      in_context([&] { return cat("can't mount ", quoted(op.source), " on ", quoted(op.target)); },
                 [&] { copied_.emplace_back(&op, DetachedMount::copy(AT_FDCWD, op.source, depth_of(op))); });
}

DetachedMount AppMounts::copy_source(const MountOp& op) {
  const auto peer = std::ranges::find(copied_, &op, &decltype(copied_)::value_type::first);
  if (peer != copied_.end()) return std::move(peer->second);
  return DetachedMount::copy(AT_FDCWD, op.source, depth_of(op));
}

void AppMounts::attach(const DetachedMount& mount, int target) {
  if (!peers_.empty()) {
    const auto around = mounts_around(target);
    for (const auto& peer : peers_)
      if (std::ranges::find(around, peer.id) != around.end()) peer.mount.receive_only();
  }
  mount.attach(target);
}

void AppMounts::bind(const MountOp& op) {
  const auto depth = depth_of(op);
  DetachedMount mount = copy_source(op);
  const bool directory = is_directory(mount.fd());
  const UniqueFd target = open_target(root_, op.target, directory);
  check_target(root_, target.get(), op.target);
  if (directory != is_directory(target.get())) {
    const auto& [dir, other] = directory ? std::pair(op.source, op.target) : std::pair(op.target, op.source);
    throw Error(Errc::invalid,
                cat("can't mount because ", quoted(dir), " is a directory while ", quoted(other), " is not"));
  }
  if (op.read_only) mount.restrict(MOUNT_ATTR_RDONLY, depth);
  attach(mount, target.get());
  if (!op.gives_back) return;
  const std::uint64_t id = mount_id(mount.fd());
  peers_.push_back({.mount = std::move(mount), .id = id});
}

void AppMounts::apply(const std::vector<MountOp>& plan) {
  copy_peers(plan);
  for (const auto& op : plan)
    in_context(
        [&] { return cat("can't mount ", quoted(op.source.empty() ? "tmpfs" : op.source), " on ", quoted(op.target)); },
        [&] {
          if (op.kind == MountOp::Kind::bind) return bind(op);
          attach(DetachedMount::make("tmpfs", {{"mode", "1777"}}, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV),
                 open_target(root_, op.target, true).get());
        });
  copied_.clear();
}

void replace_file(const DirFd& root, const std::string& dir, const std::string& name, std::string_view content) {
  const DirFd place = root.make_path_in_root(dir, kDirMode);
  place.unlink(name);
  write_all(place.open_file(name, O_WRONLY | O_CREAT | O_EXCL, 0644).get(), content, name);
}

}  // namespace rkt::fly
