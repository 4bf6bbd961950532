// SPDX-License-Identifier: Apache-2.0
#include "worker/unpack/staging.h"

#include <linux/limits.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <deque>

#include "base/error.h"
#include "base/strings.h"
#include "worker/unpack/names.h"

namespace rkt::unpack {
namespace {

constexpr int kMaxLinks = 40;  // as the kernel

std::string joined(const std::string& dir, std::string_view name) {
  return dir.empty() ? std::string(name) : cat(dir, "/", name);
}

bool present(int dir, const std::string& name, struct stat& st) {
  if (::fstatat(dir, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0) return true;
  if (errno == ENOENT) return false;
  throw Error::from_errno(cat("look up ", quoted(name)));
}

std::string read_link_at(int dir, const std::string& name) {
  std::string out(PATH_MAX, '\0');
  const ssize_t n = ::readlinkat(dir, name.c_str(), out.data(), out.size());
  if (n < 0) throw Error::from_errno(cat("read the link ", quoted(name)));
  out.resize(static_cast<std::size_t>(n));
  return out;
}

// A directory that was implied got those of the layer below; its own entry replaces them.
void drop_xattrs(int fd) {
  for (const auto& name : xattr_names(fd))
    if (keep_xattr(name) && ::fremovexattr(fd, name.c_str()) < 0)
      throw Error::from_errno(cat("remove the extended attribute ", quoted(name)));
}

}  // namespace

// One way from the root to a directory, component by component, with links put in place of the component that they
// replace.
class Staging::Walk {
 public:
  Walk(Staging& tree, std::string_view dir) : tree_(tree), asked_(dir), here_(tree.root()) { prepend(dir); }

  Cursor run() {
    while (!todo_.empty()) {
      const std::string name = std::move(todo_.front());
      todo_.pop_front();
      if (name == "..")
        here_ = up();
      else
        step(name);
    }
    return std::move(here_);
  }

 private:
  void prepend(std::string_view path) {
    std::deque<std::string> parts;
    for (const auto part : split(path, '/'))
      if (!part.empty() && part != ".") parts.emplace_back(part);
    todo_.insert(todo_.begin(), parts.begin(), parts.end());
  }

  Cursor up() const {
    const std::string parent(split_name(here_.path).first);
    return parent.empty() ? tree_.root() : tree_.opened(tree_.open_directory(parent).release(), parent);
  }

  void step(const std::string& name) {
    struct stat st{};
    const std::string path = joined(here_.path, name);
    if (present(here_.dir->get(), name, st)) {
      if (S_ISDIR(st.st_mode)) {
        here_ = tree_.opened(here_.dir->open_file(name, O_RDONLY | O_DIRECTORY), path);
      } else if (S_ISLNK(st.st_mode)) {
        follow(path, read_link_at(here_.dir->get(), name));
      } else if (tree_.kind_ == Kind::layer && is_whiteout(st)) {
        here_.dir->unlink(name);
        here_ = tree_.make_directory(here_, name, {});
        tree_.mark_opaque(path);
      } else {
        throw Error(Errc::invalid,
                    cat("archive has entries below ", quoted(asked_), ", but ", quoted(path), " is not a directory"));
      }
      return;
    }
    const auto lower = tree_.find_below(path);
    if (lower && S_ISLNK(lower->st_mode))
      follow(path, tree_.below_.read_link(path));
    else if (lower && S_ISDIR(lower->st_mode))
      here_ = tree_.make_directory(here_, name, tree_.below_.attributes(path, *lower));
    else
      here_ = tree_.make_directory(here_, name, {});
  }

  void follow(const std::string& path, const std::string& target) {
    if (tree_.kind_ == Kind::plain)
      throw Error(Errc::invalid,
                  cat("archive has entries below ", quoted(asked_), ", but ", quoted(path), " is a symbolic link"));
    if (++links_ > kMaxLinks) throw Error(Errc::invalid, cat("too many symbolic links on the way to ", quoted(asked_)));
    if (target.starts_with('/')) here_ = tree_.root();
    prepend(target);
  }

  Staging& tree_;
  std::string asked_;
  Cursor here_;
  std::deque<std::string> todo_;
  int links_ = 0;
};

Staging::Staging(DirFd root, Kind kind, Below below, bool keep_owner)
    : root_(std::make_shared<const DirFd>(std::move(root))),
      kind_(kind),
      below_(std::move(below)),
      keep_owner_(keep_owner) {
  if (kind_ != Kind::layer) return;
  const auto lower = below_.find("");
  settle(this->root(), lower ? below_.attributes("", *lower) : Attributes{});
}

Staging::Cursor Staging::root() const { return {root_, "", false}; }

Staging::Cursor Staging::opened(UniqueFd fd, std::string path) const {
  struct stat st{};
  if (::fstat(fd.get(), &st) < 0) throw Error::from_errno(cat("look at ", quoted(path)));
  return {std::make_shared<const DirFd>(std::move(fd)), std::move(path), (st.st_mode & S_ISGID) != 0};
}

DirFd Staging::open_directory(const std::string& path) const {
  UniqueFd fd = open_beneath(root_->get(), path, O_RDONLY | O_DIRECTORY);
  if (!fd) throw Error::from_errno(cat("open directory ", quoted(path)));
  return DirFd(std::move(fd));
}

void Staging::enter(std::string_view dir) {
  if (here_ && entered_ == dir) return;
  here_.reset();
  // When every component exists here as a directory, the links and layers below have no say.
  if (UniqueFd fd = open_beneath(root_->get(), std::string(dir), O_RDONLY | O_DIRECTORY))
    here_ = opened(std::move(fd), std::string(dir));
  else
    here_ = Walk(*this, dir).run();
  entered_ = dir;
}

Staging::Place Staging::place(std::string_view clean) {
  if (clean.empty()) throw Error(Errc::invalid, "archive entry for the tree itself is not a directory");
  const auto [dir, name] = split_name(clean);
  enter(dir);
  return {here_->dir, std::string(name), joined(here_->path, name), here_->set_gid};
}

void Staging::clear(const Place& place) {
  place.dir->remove_tree(place.name);
  forget(place.path);
}

void Staging::forget(const std::string& path) {
  // Sorted: what begins with `path` is together, but "a.b" stands among what is below "a".
  for (auto it = times_.lower_bound(path); it != times_.end() && it->first.starts_with(path);)
    it = is_within(it->first, path) ? times_.erase(it) : std::next(it);
  for (auto it = opaque_.lower_bound(path); it != opaque_.end() && it->starts_with(path);)
    it = is_within(*it, path) ? opaque_.erase(it) : std::next(it);
}

Staging::Cursor Staging::make_directory(const Cursor& parent, const std::string& name, const Attributes& attributes) {
  const std::string path = joined(parent.path, name);
  if (::mkdirat(parent.dir->get(), name.c_str(), 0700) < 0)
    throw Error::from_errno(cat("make directory ", quoted(path)));
  Cursor made{std::make_shared<const DirFd>(parent.dir->sub(name)), path, (attributes.mode & S_ISGID) != 0};
  settle(made, attributes);
  return made;
}

void Staging::settle(const Cursor& dir, const Attributes& attributes) {
  in_context([&] { return cat("set the attributes of directory ", quoted(dir.path)); },
             [&] { apply_attributes(dir.dir->get(), attributes, keep_owner_); });
  times_[dir.path] = {attributes.atime, attributes.mtime};
}

void Staging::directory(std::string_view clean, const Attributes& attributes) {
  if (clean.empty()) return settle(root(), attributes);
  const Place at = place(clean);
  const Cursor parent = *here_;
  struct stat st{};
  bool there = present(at.dir->get(), at.name, st);
  if (there && !S_ISDIR(st.st_mode)) {
    clear(at);
    there = false;
    // What stood here hid the lower layers' directory of this name as a whole.
    if (kind_ == Kind::layer) mark_opaque(at.path);
  }
  if (there) {
    here_ = opened(at.dir->open_file(at.name, O_RDONLY | O_DIRECTORY), at.path);
    drop_xattrs(here_->dir->get());
    settle(*here_, attributes);
    here_->set_gid = (attributes.mode & S_ISGID) != 0;
  } else {
    here_ = make_directory(parent, at.name, attributes);
  }
  entered_ = clean;
}

void Staging::mark_opaque(const std::string& path) { opaque_.insert(path); }

bool Staging::hidden(std::string_view path) const {
  if (opaque_.empty()) return false;
  if (opaque_.contains("")) return true;
  for (auto slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/', slash + 1))
    if (opaque_.contains(std::string(path.substr(0, slash)))) return true;
  return false;
}

std::optional<struct stat> Staging::find_below(const std::string& path) const {
  if (hidden(path)) return std::nullopt;
  return below_.find(path);
}

void Staging::whiteout(std::string_view clean) {
  const Place at = place(clean);
  struct stat st{};
  if (present(at.dir->get(), at.name, st)) {
    // Only the layers below are meant: what this layer has here stays, but alone.
    if (S_ISDIR(st.st_mode)) mark_opaque(at.path);
    return;
  }
  if (::mknodat(at.dir->get(), at.name.c_str(), S_IFCHR, makedev(0, 0)) < 0)
    throw Error::from_errno(cat("make the whiteout of ", quoted(at.path)));
}

void Staging::opaque(std::string_view clean) {
  enter(clean);
  mark_opaque(here_->path);
}

// overlayfs does not look at an opaque mark on the top directory of a layer.
void Staging::hide_everything_below_the_root() {
  for (const auto& name : below_.top_names()) whiteout(name);
}

void Staging::finish() {
  if (opaque_.contains("")) {
    hide_everything_below_the_root();
    opaque_.erase("");
  }
  here_.reset();
  for (const auto& [path, times] : times_) {
    const DirFd dir = open_directory(path);
    const timespec both[2] = {times.atime, times.mtime};
    if (::futimens(dir.get(), both) < 0) throw Error::from_errno(cat("set the times of directory ", quoted(path)));
  }
}

void apply_attributes(int fd, const Attributes& a, bool keep_owner) {
  // chown drops set-id bits and capabilities, so it comes first.
  if (keep_owner && ::fchown(fd, a.uid, a.gid) < 0) throw Error::from_errno("set the owner");
  if (::fchmod(fd, a.mode) < 0) throw Error::from_errno("set the mode");
  for (const auto& [name, value] : a.xattrs) {
    if (!keep_owner && !name.starts_with("user.")) continue;
    if (::fsetxattr(fd, name.c_str(), value.data(), value.size(), 0) < 0)
      throw Error::from_errno(cat("set the extended attribute ", quoted(name)));
  }
}

}  // namespace rkt::unpack
