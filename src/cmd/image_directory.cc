// SPDX-License-Identifier: Apache-2.0
#include "cmd/image_directory.h"

#include <sys/stat.h>
#include <unistd.h>

#include <ctime>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "image/local_file.h"
#include "pod/mounts.h"
#include "sys/fd_path.h"
#include "sys/mount.h"

namespace rkt::cmd {

namespace {

constexpr std::string_view kAside = "rkt-image";
constexpr time_t kFreshSeconds = 60;  // it may be made right now, and not be locked yet

bool same(const struct stat& a, const struct stat& b) { return a.st_dev == b.st_dev && a.st_ino == b.st_ino; }

// Whether going up from `dir` leads to `above`, or starts there.
bool is_within(DirFd dir, const struct stat& above) {
  for (;;) {
    const struct stat here = stat_of(dir);
    if (same(here, above)) return true;
    DirFd up = dir.sub("..");
    if (same(stat_of(up), here)) return false;
    dir = std::move(up);
  }
}

// The nearest directory above what may not be there yet.
DirFd existing(std::string path) {
  for (;;) {
    if (auto dir = DirFd::find(path)) return std::move(*dir);
    const auto slash = path.find_last_of('/');
    path = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  }
}

void spare_data(const std::string& path, const std::string& parent, bool there, const std::string& data) {
  const auto store = DirFd::find(data);
  if (!store) return;
  if (is_within(there ? DirFd::open(path) : existing(parent), stat_of(*store)))
    throw Error(Errc::usage, cat(quoted(path), " is in the data directory ", quoted(data)));
  if (there && is_within(store->clone(), stat_of(DirFd::open(path))))
    throw Error(Errc::usage, cat("the data directory ", quoted(data), " is in ", quoted(path)));
}

void spare_mounts(const std::string& path) {
  const auto mounts =
      pod::plan_detach(read_mountinfo(), path_of_fd(DirFd::open(path).get(), "find the output directory"));
  if (!mounts.empty())
    throw Error(Errc::busy, cat(quoted(path), " cannot be replaced: ", quoted(mounts.front()), " is a mount point"));
}

bool is_abandoned(const DirFd& dir) {
  const struct stat st = stat_of(dir);
  return st.st_uid == ::geteuid() && ::time(nullptr) - st.st_mtime >= kFreshSeconds;
}

// What was killed while it made an output here: nobody has it locked. Where others may give names to what is ours,
// nothing is removed by its name.
void remove_abandoned(const DirFd& parent) {
  const struct stat place = stat_of(parent);
  if (place.st_uid != ::geteuid() || (place.st_mode & (S_IWGRP | S_IWOTH)) != 0) return;
  for (const auto& name : parent.names()) {
    if (!name.starts_with(cat(".", kAside, "-"))) continue;
    try {
      const DirFd dir = parent.sub(name);
      const auto lock = DirLock::try_take(dir.sub(".").release(), LockMode::exclusive);
      if (lock && is_abandoned(dir)) parent.remove_tree(name);
    } catch (const Error& e) {
      log::debug("image", cat(quoted(name), " is left: ", e.brief()));
    }
  }
}

}  // namespace

OutputDirectory::OutputDirectory(const std::string& path, bool overwrite, const std::string& data) {
  struct stat st{};
  const bool there = ::lstat(path.c_str(), &st) == 0;
  if (there && !overwrite) throw Error(Errc::usage, "output directory exists (try --overwrite)");
  // Only directories: a device or somebody's link is not ours to remove.
  if (there && !S_ISDIR(st.st_mode)) throw Error(Errc::usage, cat(quoted(path), " is not a directory"));
  struct stat root{};
  if (there && ::stat("/", &root) == 0 && st.st_dev == root.st_dev && st.st_ino == root.st_ino)
    throw Error(Errc::usage, "this would delete your root filesystem. Refusing.");
  std::string text = path;
  while (text.size() > 1 && text.ends_with('/')) text.pop_back();
  const auto slash = text.rfind('/');
  name_ = slash == std::string::npos ? text : text.substr(slash + 1);
  if (name_.empty() || name_ == "." || name_ == "..")
    throw Error(Errc::usage, cat("bad output directory ", quoted(path)));
  const std::string parent = slash == std::string::npos ? "." : slash == 0 ? "/" : text.substr(0, slash);
  spare_data(text, parent, there, data);
  if (there) spare_mounts(text);
  parent_ = make_dirs(parent);
  aside_ = cat(".", image::unique_name(kAside));
  dir_ = in_place([&] { return cat("write into ", quoted(parent)); }, [&] { return parent_.make_sub(aside_, 0755); });
  try {
    lock_ = DirLock::try_take(dir_.sub(".").release(), LockMode::exclusive);
    remove_abandoned(parent_);
  } catch (const Error& e) {
    log::debug("image", cat("what was abandoned beside ", quoted(path), " stays: ", e.brief()));
  }
}

OutputDirectory::~OutputDirectory() {
  if (aside_.empty()) return;
  try {
    parent_.remove_tree(aside_);
  } catch (const Error& e) {
    log::note("image", cat("leaving ", quoted(aside_), " behind: ", e.brief()));
  }
}

void OutputDirectory::finish(const std::string& part) {
  const std::string made = part.empty() ? aside_ : cat(aside_, "/", part);
  const bool replaces = parent_.exists(name_);
  try {
    if (replaces)
      parent_.exchange(made, name_);  // what was there goes with the rest of `aside_`
    else
      parent_.rename(made, parent_, name_);
  } catch (const Error& e) {
    if (!replaces || e.sys_errno() != EINVAL) throw;  // not every network file system can exchange
    parent_.remove_tree(name_);
    parent_.rename(made, parent_, name_);
  }
  if (part.empty() && !replaces) aside_.clear();
}

}  // namespace rkt::cmd
