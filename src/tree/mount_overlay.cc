// SPDX-License-Identifier: Apache-2.0
// Overlay mounts with the new mount API. Directories are handed over as descriptors, never as text that would need
// escaping: a data directory may hold ":" and "," in its name. Linux 6.13 takes descriptors as they are; since 6.7
// lower directories can be added one by one; before that they are one string. The text forms use /proc/self/fd.
#include <fcntl.h>
#include <linux/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "tree/tree.h"

namespace rkt::tree {
namespace {

constexpr std::size_t kMaxOption = 255;  // what fsconfig takes as one string

int fsconfig(int fs, unsigned command, const char* key, const void* value, int aux) {
  return static_cast<int>(::syscall(SYS_fsconfig, fs, command, key, value, aux));
}

std::string fd_path(int fd) { return cat("/proc/self/fd/", fd); }

// What the kernel says about a mount that failed lies in the context, one message a read.
std::string kernel_log(int fs) {
  char buf[512];
  const ssize_t n = ::read(fs, buf, sizeof buf);
  return n > 2 ? cat(" (", trim(std::string_view(buf, static_cast<std::size_t>(n)).substr(2)), ")") : std::string{};
}

bool set_directory(int fs, const char* key, int dir) {
  if (fsconfig(fs, FSCONFIG_SET_FD, key, nullptr, dir) == 0) return true;
  return fsconfig(fs, FSCONFIG_SET_STRING, key, fd_path(dir).c_str(), 0) == 0;
}

void set_lowers(int fs, const std::vector<DirFd>& lowers) {
  for (std::size_t i = 0; i < lowers.size(); ++i) {
    if (set_directory(fs, "lowerdir+", lowers[i].get())) continue;
    if (i > 0) throw Error::from_errno(cat("add layer ", i, " to an overlay"));
    std::string all;
    for (const auto& dir : lowers) all += cat(all.empty() ? "" : ":", fd_path(dir.get()));
    if (all.size() > kMaxOption)
      throw Error(Errc::unsupported, cat("this kernel cannot stack ", lowers.size(), " layers"))
          .hint("use --no-overlay, or Linux 6.7 or newer");
    if (fsconfig(fs, FSCONFIG_SET_STRING, "lowerdir", all.c_str(), 0) < 0)
      throw Error::from_errno("set the layers of an overlay");
    return;
  }
}

UniqueFd mount_layers(const Tree& tree, const DirFd* upper, const DirFd* work) {
  std::vector<DirFd> lowers;
  for (const auto& path : tree.lowers) lowers.push_back(DirFd::open(path));
  UniqueFd fs(static_cast<int>(::syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC)));
  if (!fs) throw Error::from_errno("open an overlay file system").hint("use --no-overlay");
  fsconfig(fs.get(), FSCONFIG_SET_STRING, "source", "overlay", 0);
  set_lowers(fs.get(), lowers);
  if (upper != nullptr) {
    if (!set_directory(fs.get(), "upperdir", upper->get()))
      throw Error::from_errno("set the upper directory of an overlay");
    if (!set_directory(fs.get(), "workdir", work->get()))
      throw Error::from_errno("set the work directory of an overlay");
  }
  if (fsconfig(fs.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0) {
    const int err = errno;
    throw Error::from_errno(cat("make the overlay of tree ", tree.id, kernel_log(fs.get())), err)
        .hint("use --no-overlay");
  }
  const unsigned attributes = upper == nullptr ? MOUNT_ATTR_RDONLY : 0;
  UniqueFd mount(static_cast<int>(::syscall(SYS_fsmount, fs.get(), FSMOUNT_CLOEXEC, attributes)));
  if (!mount) throw Error::from_errno(cat("mount tree ", tree.id));
  return mount;
}

// An overlay without an upper needs two lowers; a tree of one layer may hold whiteouts, which only an overlay hides.
UniqueFd mount_single(const Tree& tree) {
  Tree two = tree;
  const auto& path = tree.lowers.front();
  const std::string trees = path.substr(0, path.rfind('/', path.rfind('/') - 1));
  (void)DirFd::open(trees).make_sub(".empty", 0755);
  two.lowers.push_back(trees + "/.empty");
  return mount_layers(two, nullptr, nullptr);
}

}  // namespace

UniqueFd mount_overlay(const Tree& tree, const DirFd& upper, const DirFd& work) {
  return mount_layers(tree, &upper, &work);
}

UniqueFd mount_read_only(const Tree& tree) {
  return tree.lowers.size() == 1 ? mount_single(tree) : mount_layers(tree, nullptr, nullptr);
}

}  // namespace rkt::tree
