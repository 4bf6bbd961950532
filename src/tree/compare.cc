// SPDX-License-Identifier: Apache-2.0
// `image verify`: a tree carries no hash that would have to be computed for every image; it is rendered again and
// compared.
#include "tree/compare.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <climits>
#include <map>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "sys/mount.h"
#include "tree/render.h"

namespace rkt::tree {
namespace {

using Attributes = std::map<std::string, std::string>;

Attributes xattrs_of(int fd) {
  const std::string path = cat("/proc/self/fd/", fd);
  Attributes out;
  const ssize_t size = ::listxattr(path.c_str(), nullptr, 0);
  if (size <= 0) return out;
  std::string names(static_cast<std::size_t>(size), '\0');
  const ssize_t got = ::listxattr(path.c_str(), names.data(), names.size());
  if (got < 0) throw Error::from_errno("list extended attributes");
  for (const auto piece : split(std::string_view(names).substr(0, static_cast<std::size_t>(got)), '\0')) {
    if (piece.empty()) continue;
    const std::string name(piece);
    std::string value(XATTR_SIZE_MAX, '\0');
    const ssize_t n = ::getxattr(path.c_str(), name.c_str(), value.data(), value.size());
    out[name] = value.substr(0, n < 0 ? 0 : static_cast<std::size_t>(n));
  }
  return out;
}

std::string link_target(int fd) {
  char target[PATH_MAX];
  const ssize_t n = ::readlinkat(fd, "", target, sizeof target);
  if (n < 0) throw Error::from_errno("read a link");
  return {target, static_cast<std::size_t>(n)};
}

ssize_t fill(int fd, std::string& buf) {
  for (std::size_t have = 0;;) {
    const ssize_t n = ::read(fd, buf.data() + have, buf.size() - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw Error::from_errno("read");
    have += static_cast<std::size_t>(n);
    if (n == 0 || have == buf.size()) return static_cast<ssize_t>(have);
  }
}

bool same_contents(const UniqueFd& a, const UniqueFd& b) {
  std::string x(std::size_t{1} << 16, '\0'), y = x;
  for (;;) {
    const ssize_t n = fill(a.get(), x), m = fill(b.get(), y);
    if (n != m || x.compare(0, static_cast<std::size_t>(n), y, 0, static_cast<std::size_t>(m)) != 0) return false;
    if (n == 0) return true;
  }
}

std::optional<std::string> differ_entry(const DirFd& a, const DirFd& b, const std::string& name) {
  const UniqueFd x = a.open_file(name, O_PATH), y = b.open_file(name, O_PATH);
  struct stat s{}, t{};
  if (::fstat(x.get(), &s) < 0 || ::fstat(y.get(), &t) < 0) throw Error::from_errno("stat");
  if ((s.st_mode & S_IFMT) != (t.st_mode & S_IFMT)) return "type";
  if (s.st_mode != t.st_mode) return "mode";
  if (s.st_uid != t.st_uid || s.st_gid != t.st_gid) return "owner";
  if (s.st_rdev != t.st_rdev) return "device number";
  if (S_ISLNK(s.st_mode))
    return link_target(x.get()) == link_target(y.get()) ? std::nullopt : std::optional<std::string>("link target");
  if (xattrs_of(x.get()) != xattrs_of(y.get())) return "extended attributes";
  if (!S_ISREG(s.st_mode)) return std::nullopt;
  if (s.st_size != t.st_size) return "size";
  if (s.st_nlink != t.st_nlink) return "number of names";
  return same_contents(a.open_file(name, O_RDONLY), b.open_file(name, O_RDONLY))
             ? std::nullopt
             : std::optional<std::string>("contents");
}

// The same entries make the same file.
std::optional<std::string> differ_files(const DirFd& trees, const std::string& old, const std::string& fresh) {
  const auto path = [](const std::string& id) { return cat(id, "/", kTreeFile); };
  if (same_contents(trees.open_file(path(old), O_RDONLY), trees.open_file(path(fresh), O_RDONLY))) return std::nullopt;
  return "wrong contents of the tree's file";
}

}  // namespace

std::optional<std::string> first_difference(const DirFd& a, const DirFd& b, const std::string& path) {
  const auto names = a.names();
  if (names != b.names()) return cat("wrong names in ", quoted("/" + path));
  for (const auto& name : names) {
    const std::string below = path.empty() ? name : cat(path, "/", name);
    if (const auto what = differ_entry(a, b, name)) return cat("wrong ", *what, " of ", quoted("/" + below));
    struct stat st{};
    if (::fstatat(a.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) throw Error::from_errno("stat");
    if (!S_ISDIR(st.st_mode)) continue;
    if (auto deeper = first_difference(a.sub(name), b.sub(name), below)) return deeper;
  }
  return std::nullopt;
}

std::optional<std::string> verify(store::Store& store, const store::ImageRecord& image) {
  const DirFd& trees = store.trees();
  const std::vector<Step> steps = plan(store, image);
  if (!is_ready(trees, steps.back().id))
    throw Error(Errc::not_found, cat("tree ", steps.back().id, " is not rendered"));
  std::optional<std::string> difference;
  std::optional<PrivateMounts> mounts;  // of the trees below
  for (const auto& step : steps) {
    const KeyLock lock = KeyLock::take(store.locks(), cat("tree-", step.id), LockMode::exclusive);
    const Backend form = is_file(trees, step.id) ? Backend::erofs : Backend::directory;
    const Tree below = tree_below(store, step);
    if (below.has_files() && !mounts) mounts.emplace();
    mount_files(below);
    const std::string fresh = render_aside(store, step, image.key, form);
    const auto found = form == Backend::erofs
                           ? differ_files(trees, step.id, fresh)
                           : first_difference(trees.sub(step.id + "/rootfs"), trees.sub(fresh + "/rootfs"), {});
    if (!found) {
      trees.remove_tree(fresh);
      continue;
    }
    if (!difference) difference = found;
    const std::string old = cat(fresh, "-old");
    trees.rename(step.id, trees, old);
    trees.rename(fresh, trees, step.id);
    trees.remove_tree(old);
  }
  return difference;
}

}  // namespace rkt::tree
