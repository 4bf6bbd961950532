// SPDX-License-Identifier: Apache-2.0
// `image verify`: a tree carries no hash that would have to be computed for every image; it is rendered again and
// compared.
#include "tree/compare.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <map>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "sys/descent.h"
#include "sys/file.h"
#include "sys/mount.h"
#include "tree/entries.h"
#include "tree/note.h"
#include "tree/record.h"
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
    if (piece.empty() || piece == "security.selinux") continue;  // whoever may relabel files here changes no tree
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

std::size_t fill(int fd, std::string& buf, off_t at) {
  for (std::size_t have = 0;;) {
    const ssize_t n = ::pread(fd, buf.data() + have, buf.size() - have, at + static_cast<off_t>(have));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw Error::from_errno("read");
    have += static_cast<std::size_t>(n);
    if (n == 0 || have == buf.size()) return have;
  }
}

// Where the next byte is that may be no zero; a file system without holes says: here.
off_t next_data(int fd, off_t at, off_t size) {
  const off_t data = ::lseek(fd, at, SEEK_DATA);
  if (data >= 0) return data;
  return errno == ENXIO ? size : at;
}

// Data by data: what a stranger's image says is a terabyte of nothing takes no time.
bool same_contents(const UniqueFd& a, const UniqueFd& b) {
  struct stat s{}, t{};
  if (::fstat(a.get(), &s) < 0 || ::fstat(b.get(), &t) < 0) throw Error::from_errno("stat");
  if (s.st_size != t.st_size) return false;
  std::string x(std::size_t{1} << 16, '\0'), y = x;
  for (off_t at = 0; at < s.st_size;) {
    at = std::min(next_data(a.get(), at, s.st_size), next_data(b.get(), at, s.st_size));
    const std::size_t n = fill(a.get(), x, at), m = fill(b.get(), y, at);
    if (n != m || x.compare(0, n, y, 0, m) != 0) return false;
    if (n == 0) break;
    at += static_cast<off_t>(n);
  }
  return true;
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

// Both trees at once, so that neither decides how deep this goes.
class Comparison {
 public:
  Comparison(const DirFd& a, const DirFd& b, std::string path) : a_(a.clone()), b_(b.clone()), path_(std::move(path)) {}

  std::optional<std::string> first() {
    if (a_.at().names() != b_.at().names()) return wrong_names();
    for (;;) {
      if (const auto name = a_.next()) {
        const std::string at = path_.empty() ? *name : cat(path_, "/", *name);
        if (const auto what = differ_entry(a_.at(), b_.at(), *name))
          return cat("wrong ", *what, " of ", quoted("/" + at));
        struct stat st{};
        if (::fstatat(a_.at().get(), name->c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) throw Error::from_errno("stat");
        if (!S_ISDIR(st.st_mode)) continue;
        DirFd x = a_.at().sub(*name), y = b_.at().sub(*name);
        a_.down(*name, std::move(x));
        b_.down(*name, std::move(y));
        path_ = at;
        if (a_.at().names() != b_.at().names()) return wrong_names();
        continue;
      }
      if (a_.at_top()) return std::nullopt;
      const std::string done = a_.up();
      b_.up();
      path_.resize(path_.size() - std::min(path_.size(), done.size() + 1));
    }
  }

 private:
  std::string wrong_names() const { return cat("wrong names in ", quoted("/" + path_)); }
  Descent a_, b_;
  std::string path_;  // of where they stand
};

std::optional<std::string> differ_note(const DirFd& a, const DirFd& b, const std::string& name) {
  return find_note(a, name) == find_note(b, name) ? std::nullopt
                                                  : std::optional<std::string>(cat("wrong note ", quoted(name)));
}

// The same entries make the same file.
std::optional<std::string> differ_files(const DirFd& trees, const std::string& old, const std::string& fresh) {
  const auto path = [](const std::string& id) { return cat(id, "/", kTreeFile); };
  const auto file = find_regular(trees, path(old));
  if (!file || !same_contents(*file, trees.open_file(path(fresh), O_RDONLY)))
    return "wrong contents of the tree's file";
  if (recorded_digest(trees, old) != recorded_digest(trees, fresh) || !record_holds(trees, old))
    return "wrong note \"digest\"";
  return std::nullopt;
}

// Two complete trees as directories below cas/tree. Not compared: when they were rendered.
std::optional<std::string> differ_trees(const DirFd& trees, const std::string& old, const std::string& fresh) {
  const DirFd a = trees.sub(old), b = trees.sub(fresh);
  if (a.names() != b.names()) return "wrong names in the tree's directory";
  for (const char* note : {kLower, "size"})
    if (auto what = differ_note(a, b, note)) return what;
  if (is_file(trees, fresh)) return differ_files(trees, old, fresh);
  if (const auto what = differ_entry(a, b, "rootfs")) return cat("wrong ", *what, " of \"/\"");
  if (auto what = first_difference(a.sub("rootfs"), b.sub("rootfs"), {})) return what;
  if (const auto fault = record_fault(trees, old)) return cat("wrong note ", quoted(kEntries), ": ", *fault);
  return std::nullopt;
}

// The caller is in a mount namespace of its own when trees below are files.
std::optional<Damage> inspect_step(store::Store& store, const Step& step, bool replace) {
  const DirFd& trees = store.trees();
  const KeyLock lock = KeyLock::take(store.locks(), cat("tree-", step.id), LockMode::exclusive);
  const Standing standing = standing_of(trees, step.id);
  if (standing == Standing::absent || standing == Standing::unfinished) return std::nullopt;
  const Backend form = is_file(trees, step.id) ? Backend::erofs : Backend::directory;
  const std::string fresh = render_aside(store, step, form);
  std::optional<std::string> what;
  try {
    what = standing == Standing::broken ? std::optional<std::string>("wrong note \"rendered\"")
                                        : differ_trees(trees, step.id, fresh);
  } catch (const Error& e) {
    what = e.brief();  // not even readable
  }
  if (what && replace)
    replace_tree(trees, step.id, fresh);
  else
    trees.remove_tree(fresh);
  if (!what) return std::nullopt;
  return Damage{step.id, *what, replace};
}

}  // namespace

std::optional<std::string> first_difference(const DirFd& a, const DirFd& b, const std::string& path) {
  return Comparison(a, b, path).first();
}

std::vector<Damage> inspect(store::Store& store, const store::ImageRecord& image, bool replace,
                            std::set<std::string>& seen) {
  return in_context([&] { return cat("render image ", quoted(image.name)); },
                    [&] {
                      const KeyLock prepare = store::prepare_lock(store.data_path(), LockMode::shared);
                      std::vector<Damage> out;
                      std::optional<PrivateMounts> mounts;  // of the trees below
                      for (const auto& step : plan(store, image)) {
                        if (!seen.insert(step.id).second) continue;
                        if (!mounts && tree_below(store, step).has_files()) mounts.emplace();
                        if (auto damage = inspect_step(store, step, replace)) out.push_back(std::move(*damage));
                        if (!out.empty() && !replace) break;  // what lies above rests on it
                      }
                      return out;
                    });
}

std::optional<std::string> verify(store::Store& store, const store::ImageRecord& image) {
  const std::string id = tree_id(store, image);
  if (!is_ready(store.trees(), id)) throw Error(Errc::not_found, cat("tree ", id, " is not rendered"));
  std::set<std::string> seen;
  const auto damage = inspect(store, image, true, seen);
  if (damage.empty()) return std::nullopt;
  return damage.front().what;
}

}  // namespace rkt::tree
