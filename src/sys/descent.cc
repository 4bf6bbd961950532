// SPDX-License-Identifier: Apache-2.0
#include "sys/descent.h"

#include <sys/stat.h>

#include <utility>

#include "base/error.h"
#include "base/strings.h"

namespace rkt {
namespace {

constexpr std::size_t kHeldOpen = 32;  // levels; real trees are hardly ever deeper, and pay nothing

struct stat status_of(const DirFd& dir) {
  struct stat st{};
  if (::fstat(dir.get(), &st) < 0) throw Error::from_errno("stat a directory");
  return st;
}

}  // namespace

Descent::Descent(DirFd top, List list) : list_(list) { levels_.push_back({.name = {}, .dir = std::move(top)}); }

std::optional<std::string> Descent::next() {
  Level& here = levels_.back();
  if (!here.names) here.names = list_(here.dir);
  if (here.taken == here.names->size()) return std::nullopt;
  return std::move((*here.names)[here.taken++]);
}

void Descent::down(std::string name, DirFd dir) {
  Level& here = levels_.back();
  if (levels_.size() > kHeldOpen) {
    const struct stat st = status_of(here.dir);
    here.dev = st.st_dev;
    here.ino = st.st_ino;
    here.dir = DirFd();
  }
  levels_.push_back({.name = std::move(name), .dir = std::move(dir)});
}

std::string Descent::up() {
  const Level left = std::exchange(levels_.back(), {});
  levels_.pop_back();
  Level& here = levels_.back();
  if (here.dir) return left.name;
  DirFd parent = left.dir.sub("..");
  const struct stat st = status_of(parent);
  if (st.st_dev != here.dev || st.st_ino != here.ino)
    throw Error(Errc::busy, cat("directory ", quoted(left.name), " was moved meanwhile"));
  here.dir = std::move(parent);
  return left.name;
}

std::string Descent::path() const {
  std::string out;
  for (const auto& level : levels_)
    if (!level.name.empty()) out += cat("/", level.name);
  return out;
}

void visit_below(const DirFd& top, const Visit& visit) {
  Descent place(top.clone());
  for (;;) {
    const auto name = place.next();
    if (!name) {
      if (place.at_top()) return;
      place.up();
      continue;
    }
    struct stat st{};
    if (::fstatat(place.at().get(), name->c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0)
      throw Error::from_errno(cat("stat ", quoted(*name)));
    visit(place.at(), *name, st);
    if (S_ISDIR(st.st_mode)) place.down(*name, place.at().sub(*name));
  }
}

}  // namespace rkt
