// SPDX-License-Identifier: Apache-2.0
#include "worker/unpack/staging.h"

#include <deque>
#include <utility>

#include "base/error.h"
#include "base/strings.h"
#include "worker/unpack/names.h"

namespace rkt::unpack {
namespace {

constexpr int kMaxLinks = 40;                                // as the kernel
constexpr std::size_t kMaxGuessed = std::size_t{256} << 10;  // bytes of paths

std::string joined(const std::string& dir, std::string_view name) {
  return dir.empty() ? std::string(name) : cat(dir, "/", name);
}

}  // namespace

// One way from the root to a directory, component by component, with links put in place of the component that they
// replace. What is missing is made, or with Missing::leave looked for in the layers below: then a cursor without a
// directory is a place there.
class Staging::Walk {
 public:
  enum class Missing { make, leave };
  Walk(Staging& staging, std::string_view dir, Missing missing = Missing::make)
      : staging_(staging), asked_(dir), missing_(missing), here_(staging.root()) {
    prepend(dir);
  }

  /// nullopt (Missing::leave): no such directory here or below.
  std::optional<Cursor> run() {
    while (!todo_.empty() && !lost_) {
      const std::string name = std::move(todo_.front());
      todo_.pop_front();
      if (name == "..")
        here_ = up();
      else
        step(name);
    }
    if (lost_) return std::nullopt;
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
    std::string parent(split_name(here_.path).first);
    if (parent.empty()) return staging_.root();
    auto dir = staging_.tree_.find_directory(parent);
    if (!dir && missing_ == Missing::make) throw Error(Errc::bug, cat("directory ", quoted(parent), " is gone"));
    return {std::move(dir), std::move(parent)};
  }

  void step(const std::string& name) {
    const std::string path = joined(here_.path, name);
    if (const auto there = here_.dir ? here_.dir->find(name) : std::nullopt) {
      if (S_ISDIR(there->type)) {
        here_ = {here_.dir->open(name), path};
      } else if (S_ISLNK(there->type)) {
        follow(path, here_.dir->read_link(name));
      } else if (missing_ == Missing::leave) {
        lost_ = true;
      } else {
        throw Error(Errc::invalid,
                    cat("archive has entries below ", quoted(asked_), ", but ", quoted(path), " is not a directory"));
      }
      return;
    }
    if (staging_.guessing_) {
      const bool make_it = missing_ == Missing::make;
      if (!staging_.covered(path)) staging_.guess(path, make_it);
      return make_it ? make(name, path, {}) : stay_below(path, !staging_.covered(path));
    }
    const auto lower = staging_.find_below(path);
    if (lower && S_ISLNK(lower->st_mode))
      follow(path, staging_.below_.read_link(path));
    else if (missing_ == Missing::leave)
      stay_below(path, lower && S_ISDIR(lower->st_mode));
    else if (lower && S_ISDIR(lower->st_mode))
      make(name, path, staging_.below_.attributes(path, *lower));
    else
      make(name, path, {});
  }

  void stay_below(const std::string& path, bool there) {
    here_ = {nullptr, path};
    lost_ = !there;
  }

  void make(const std::string& name, const std::string& path, const Attributes& attributes) {
    here_ = {here_.dir->make(name, attributes), path};
  }

  void follow(const std::string& path, const std::string& target) {
    if (staging_.kind_ == Kind::plain)
      throw Error(Errc::invalid,
                  cat("archive has entries below ", quoted(asked_), ", but ", quoted(path), " is a symbolic link"));
    if (++links_ > kMaxLinks) throw Error(Errc::invalid, cat("too many symbolic links on the way to ", quoted(asked_)));
    if (target.starts_with('/')) here_ = staging_.root();
    prepend(target);
  }

  Staging& staging_;
  std::string asked_;
  Missing missing_;
  Cursor here_;
  std::deque<std::string> todo_;
  int links_ = 0;
  bool lost_ = false;
};

Staging::Staging(NewTree& tree, Kind kind, Below below)
    : tree_(tree), root_(tree.root()), kind_(kind), below_(std::move(below)), guessing_(below_.late()) {
  if (kind_ != Kind::layer) return;
  if (guessing_) {
    root_->replace_attributes({});
    guess("", true);
    return;
  }
  const auto lower = below_.find("");
  root_->replace_attributes(lower ? below_.attributes("", *lower) : Attributes{});
}

void Staging::enter(std::string_view dir) {
  if (here_ && entered_ == dir) return;
  here_.reset();
  if (guessed_bytes_ > kMaxGuessed) settle();
  // When every component exists here as a directory, the links and layers below have no say.
  if (auto found = tree_.find_directory(std::string(dir)))
    here_ = {std::move(found), std::string(dir)};
  else
    here_ = Walk(*this, dir).run().value();
  entered_ = dir;
}

Staging::Place Staging::place(std::string_view clean) {
  if (clean.empty()) throw Error(Errc::invalid, "archive entry for the tree itself is not a directory");
  const auto [dir, name] = split_name(clean);
  enter(dir);
  return {here_->dir, std::string(name), joined(here_->path, name)};
}

void Staging::clear(const Place& place) {
  place.dir->remove(place.name);
  // Sorted: what begins with the path is together, but "a.b" stands among what is below "a".
  for (auto it = opaque_.lower_bound(place.path); it != opaque_.end() && it->starts_with(place.path);)
    it = is_within(*it, place.path) ? opaque_.erase(it) : std::next(it);
  for (auto it = guesses_.lower_bound(place.path); it != guesses_.end() && it->first.starts_with(place.path); ++it)
    if (is_within(it->first, place.path)) it->second = false;
}

void Staging::directory(std::string_view clean, const Attributes& attributes) {
  if (clean.empty()) {
    if (guessing_) guesses_[""] = false;
    return root_->replace_attributes(attributes);
  }
  const Place at = place(clean);
  auto there = at.dir->find(at.name);
  if (there && !S_ISDIR(there->type)) {
    clear(at);
    there.reset();
    // What stood here hid the lower layers' directory of this name as a whole.
    if (kind_ == Kind::layer) opaque_.insert(at.path);
  }
  if (there) {
    here_ = {at.dir->open(at.name), at.path};
    here_->dir->replace_attributes(attributes);
    if (const auto guess = guesses_.find(at.path); guess != guesses_.end()) guess->second = false;
  } else {
    here_ = {at.dir->make(at.name, attributes), at.path};
  }
  entered_ = clean;
}

bool Staging::hidden(std::string_view path) const {
  if (opaque_.empty() && whiteouts_.empty()) return false;
  if (opaque_.contains("")) return true;
  for (auto slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/', slash + 1)) {
    const std::string parent(path.substr(0, slash));
    if (opaque_.contains(parent) || whiteouts_.contains(parent)) return true;
  }
  return false;
}

bool Staging::covered(const std::string& path) const { return whiteouts_.contains(path) || hidden(path); }

std::optional<struct stat> Staging::find_below(const std::string& path) {
  if (covered(path)) return std::nullopt;
  settle();
  return below_.find(path);
}

void Staging::guess(const std::string& path, bool implied) {
  const auto [it, added] = guesses_.try_emplace(path, implied);
  it->second = it->second || implied;
  if (added) guessed_bytes_ += path.size() + sizeof(std::pair<std::string, bool>);
}

void Staging::settle() {
  if (!guessing_) return;
  guessing_ = false;
  guessed_bytes_ = 0;
  here_.reset();
  for (const auto& [path, implied] : std::exchange(guesses_, {})) {
    const auto lower = below_.find(path);
    if (lower && S_ISLNK(lower->st_mode)) throw Error(Errc::busy, cat(quoted(path), " is a link in the layers below"));
    if (!lower || !S_ISDIR(lower->st_mode) || !implied) continue;
    const auto dir = path.empty() ? root_ : tree_.find_directory(path);
    if (!dir) throw Error(Errc::bug, cat("directory ", quoted(path), " is gone"));
    dir->replace_attributes(below_.attributes(path, *lower));
  }
}

std::optional<std::string> Staging::look_for(std::string_view dir) {
  if (here_ && entered_ == dir) return here_->path;
  if (guessed_bytes_ > kMaxGuessed) settle();
  if (tree_.find_directory(std::string(dir))) return std::string(dir);
  auto found = Walk(*this, dir, Walk::Missing::leave).run();
  if (!found) return std::nullopt;
  return std::move(found->path);
}

void Staging::whiteout(std::string_view clean) {
  const auto [dir, name] = split_name(clean);
  if (const auto parent = look_for(dir)) whiteouts_.insert(joined(*parent, name));
}

void Staging::opaque(std::string_view clean) {
  if (auto path = look_for(clean)) opaque_.insert(std::move(*path));
}

// overlayfs does not look at an opaque mark on the top directory of a layer.
void Staging::hide_everything_below_the_root() {
  if (opaque_.erase("") == 0) return;
  for (auto& name : below_.top_names()) whiteouts_.insert(std::move(name));
}

bool Staging::reaches_below(const std::string& dir) {
  auto at = root_;
  for (const auto part : split(dir, '/')) {
    if (part.empty()) continue;
    const std::string name(part);
    const auto there = at->find(name);
    if (!there) return true;
    if (!S_ISDIR(there->type)) return false;
    at = at->open(name);
  }
  return true;
}

// overlayfs shows a whiteout as a name without a file when there is nothing below it to be merged with.
void Staging::write_whiteouts() {
  for (const auto& path : whiteouts_) {
    if (hidden(path) || !below_.find(path) || !reaches_below(std::string(split_name(path).first))) continue;
    const auto [dir, name] = split_name(path);
    enter(dir);
    if (here_->dir->whiteout(std::string(name))) continue;
    // Only the layers below are meant: what this layer has here stays, but alone.
    if (const auto there = here_->dir->find(std::string(name)); S_ISDIR(there->type)) opaque_.insert(path);
  }
}

void Staging::write_opaque_marks() {
  const std::set<std::string> marks = opaque_;
  for (const auto& path : marks) {
    const auto lower = hidden(path) ? std::nullopt : below_.find(path);
    if (!lower || !S_ISDIR(lower->st_mode) || !reaches_below(path)) continue;
    enter(path);
    tree_.mark_opaque(path);
  }
}

void Staging::finish() {
  settle();
  hide_everything_below_the_root();
  here_.reset();
  write_whiteouts();
  write_opaque_marks();
  here_.reset();
  tree_.finish();
}

}  // namespace rkt::unpack
