// SPDX-License-Identifier: Apache-2.0
// The root of the namespace is cas/tree, and the file of a tree is mounted at the directory "rootfs" beside it. Such a
// directory can be removed by whoever does not see the mount, which then goes, as does the file: removing a tree, or
// the data directory, needs nothing of this file.
#include "tree/kept_mounts.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "sys/ns.h"
#include "tree/kept_child.h"
#include "tree/mount_file.h"
#include "tree/record.h"
#include "tree/render.h"

namespace rkt::tree {
namespace {

// ".../ID/rootfs" -> "/ID"
std::string dir_inside(const std::string& lower) {
  const std::string dir = lower.substr(0, lower.rfind('/'));
  return dir.substr(dir.rfind('/'));
}

bool is_missing(const Tree& tree, const FileMounts& mounts, std::size_t i) {
  return !tree.files[i].empty() && !mounts[i];
}

bool is_complete(const Tree& tree, const FileMounts& mounts) {
  for (std::size_t i = 0; i < mounts.size(); ++i)
    if (is_missing(tree, mounts, i)) return false;
  return true;
}

// The directory with this name may be exchanged for another at any moment: the file is looked at and mounted in one
// directory, and attached in no other.
struct Own {
  DetachedMount mount;
  struct stat dir;
};

std::optional<Own> mount_own(const DirFd& trees, const std::string& id) {
  const DirFd dir = trees.sub(id);
  if (!record_holds(dir, ".")) return std::nullopt;
  return Own{.mount = mount_file(dir.open_file(kTreeFile, O_RDONLY).get()), .dir = stat_of(dir)};
}

using Owns = std::vector<std::optional<Own>>;

// Copies of what is mounted, after `own` has been where nothing was.
FileMounts visit(int space, const DirFd& trees, const Tree& tree, const Owns& own) {
  const std::size_t count = tree.files.size();
  std::vector<std::string> dirs;
  for (const auto& lower : tree.lowers) dirs.push_back(dir_inside(lower));
  std::vector<KeptFile> files;
  for (std::size_t i = 0; i < count; ++i) {
    KeptFile file{.dir = tree.files[i].empty() ? nullptr : dirs[i].c_str()};
    if (own[i]) {
      file.own = own[i]->mount.fd();
      file.own_dir = {.dev = own[i]->dir.st_dev, .ino = own[i]->dir.st_ino};
    }
    files.push_back(file);
  }
  const auto root = stat_of(trees);
  Visit visit{.space = space,
              .files = files.data(),
              .count = static_cast<int>(count),
              .root = {.dev = root.st_dev, .ino = root.st_ino}};
  run_apart(visit_space, &visit);
  FileMounts out(count);
  for (std::size_t i = 0; i < count; ++i)
    if (files[i].copy >= 0) out[i] = DetachedMount::adopt(UniqueFd(files[i].copy));
  if (visit.failed != nullptr) throw Error::from_errno(visit.failed, visit.error);
  return out;
}

void note_none(const Error& e) { log::debug("tree", cat("no mounts are kept: ", e.brief())); }

}  // namespace

KeptMounts::KeptMounts(const store::Store& store, Missing missing)
    : makes_(missing == Missing::make), trees_(store.trees().clone()) {
  try {
    pin_.emplace(store);
    space_ = pin_->open();
    if (space_ || !makes_) return;
    const auto lock = pin_->lock();
    if (!lock) return;
    space_ = pin_->open();  // whoever had the lock before has made it
    if (!space_) space_ = pin_->make(trees_);
  } catch (const Error& e) {
    note_none(e);
  }
}

FileMounts KeptMounts::copy(const Tree& tree) const {
  if (!space_ || !tree.has_files()) return {};
  try {
    Owns own(tree.files.size());
    FileMounts mounts = visit(space_.get(), trees_, tree, own);
    if (!makes_ || is_complete(tree, mounts)) return mounts;
    const auto lock = pin_->lock();
    if (!lock) return mounts;
    mounts = visit(space_.get(), trees_, tree, own);  // who had the lock before has made some
    for (std::size_t i = 0; i < own.size(); ++i)
      if (is_missing(tree, mounts, i)) own[i] = mount_own(trees_, dir_inside(tree.lowers[i]).substr(1));
    mounts.clear();
    return visit(space_.get(), trees_, tree, own);
  } catch (const Error& e) {
    note_none(e);
    return {};
  }
}

}  // namespace rkt::tree
