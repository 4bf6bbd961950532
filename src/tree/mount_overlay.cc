// SPDX-License-Identifier: Apache-2.0
// Overlay mounts with the new mount API. Directories are handed over as descriptors, never as text that would need
// escaping: a data directory may hold ":" and "," in its name. Linux 6.13 takes descriptors as they are; since 6.7
// lower directories can be added one by one; before that they are one string, and the kernel says only at the end that
// it did not understand another form. So the forms are tried one after the other. The last two name descriptors by
// their numbers, relative to /proc/self/fd, so that a hundred layers fit into one string.
#include <fcntl.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/log.h"
#include "base/scope.h"
#include "base/strings.h"
#include "sys/mount.h"
#include "sys/rootless.h"
#include "sys/userns.h"
#include "tree/mount_file.h"
#include "tree/render.h"
#include "tree/tree.h"

namespace rkt::tree {
namespace {

constexpr std::size_t kMaxOption = 255;  // what fsconfig takes as one string

std::string fd_name(int fd) { return cat(fd); }

// The working directory is /proc/self/fd while it lives.
class AmongDescriptors {
 public:
  // Where this process may not open its own (FUSE of another user) it goes to the root directory afterwards.
  AmongDescriptors() : before_(::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC)) {
    if (!before_) before_ = DirFd::open("/").release();
    if (::chdir("/proc/self/fd") < 0) throw Error::from_errno("change to \"/proc/self/fd\"");
  }
  ~AmongDescriptors() { (void)!::fchdir(before_.get()); }
  AmongDescriptors(AmongDescriptors&&) = delete;

 private:
  UniqueFd before_;
};

enum class Form { descriptors, added, joined };

struct Layers {
  std::vector<DirFd> lowers;
  const DirFd* upper = nullptr;  // with `work`
  const DirFd* work = nullptr;
};

// What the kernel says about a mount that failed lies in the context, one message a read.
std::string kernel_log(int fs) {
  char buf[512];
  const ssize_t n = ::read(fs, buf, sizeof buf);
  return n > 2 ? cat(" (", trim(std::string_view(buf, static_cast<std::size_t>(n)).substr(2)), ")") : std::string{};
}

bool set_directory(int fs, Form form, const char* key, int dir) {
  if (form == Form::descriptors) return fsconfig(fs, FSCONFIG_SET_FD, key, nullptr, dir) == 0;
  return fsconfig(fs, FSCONFIG_SET_STRING, key, fd_name(dir).c_str(), 0) == 0;
}

bool set_lowers(int fs, Form form, const std::vector<DirFd>& lowers) {
  if (form != Form::joined)
    return std::ranges::all_of(lowers, [&](const DirFd& d) { return set_directory(fs, form, "lowerdir+", d.get()); });
  std::string all;
  for (const auto& dir : lowers) all += cat(all.empty() ? "" : ":", fd_name(dir.get()));
  if (all.size() > kMaxOption)
    throw Error(Errc::unsupported, cat("this kernel cannot stack ", lowers.size(), " layers"))
        .hint("use --no-overlay, or Linux 6.7 or newer");
  return fsconfig(fs, FSCONFIG_SET_STRING, "lowerdir", all.c_str(), 0) == 0;
}

UniqueFd open_overlay(const std::string& context) {
  UniqueFd fs(static_cast<int>(::syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC)));
  if (!fs) throw Error::from_errno("open an overlay file system").hint("use --no-overlay");
  fsconfig(fs.get(), FSCONFIG_SET_STRING, "source", "overlay", 0);
  // Attributes of its own are "user.overlay.…" where "trusted." is not for us. Without the flag opaque directories
  // would not be.
  if (known_ids() != Ids::all && fsconfig(fs.get(), FSCONFIG_SET_FLAG, "userxattr", nullptr, 0) < 0)
    throw Error::from_errno("make an overlay in a user namespace").hint("use --no-overlay");
  if (!context.empty() && fsconfig(fs.get(), FSCONFIG_SET_STRING, "context", context.c_str(), 0) < 0)
    throw Error::from_errno(cat("make an overlay with SELinux context ", quoted(context)));
  return fs;
}

// False: the kernel does not take this form, or finds something wrong with it. "volatile": what is written to the upper
// directory goes to the disk when the host's kernel thinks fit. Without it the end of every pod would write back the
// whole file system below, whosever files they are, and wait.
bool configure(int fs, Form form, const Layers& layers) {
  return set_lowers(fs, form, layers.lowers) &&
         (layers.upper == nullptr || (set_directory(fs, form, "upperdir", layers.upper->get()) &&
                                      set_directory(fs, form, "workdir", layers.work->get()) &&
                                      fsconfig(fs, FSCONFIG_SET_FLAG, "volatile", nullptr, 0) == 0)) &&
         fsconfig(fs, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0;
}

// -1: as it is.
DirFd open_layer(const Tree& tree, std::size_t i, int user_namespace) {
  DirFd dir = open_lower(tree, i);
  if (user_namespace < 0) return dir;
  const DetachedMount layer = DetachedMount::copy(dir.get(), "");
  if (!layer.map_owners(user_namespace))
    throw Error(Errc::unsupported, cat("the file system of ", quoted(tree.lowers[i]), " cannot map owners"));
  return DirFd(dup_fd(layer.fd()));
}

// What overlayfs makes of a work directory in which it could make nothing.
void require_writable(int mount, const std::string& id) {
  struct statvfs fs{};
  if (::fstatvfs(mount, &fs) < 0) throw Error::from_errno(cat("look at the overlay of tree ", id));
  if ((fs.f_flag & ST_RDONLY) == 0) return;
  throw Error::from_errno(cat("make the overlay of tree ", id), ENOSPC)
      .hint("free space or inodes on the file system of the data directory; the kernel's log has the reason");
}

UniqueFd mount_layers(const Tree& tree, const DirFd* upper, const DirFd* work, const View& view = {}) {
  Layers layers{.upper = upper, .work = work};
  for (std::size_t i = 0; i < tree.lowers.size(); ++i)
    layers.lowers.push_back(open_layer(tree, i, view.user_namespace));
  const unsigned attributes = upper == nullptr ? MOUNT_ATTR_RDONLY : 0;
  std::optional<AmongDescriptors> place;
  bool old = false;  // before Linux 6.5
  for (const Form form : {Form::descriptors, Form::added, Form::joined}) {
    if (old && form == Form::added) continue;
    if (form != Form::descriptors && !place) place.emplace();
    const UniqueFd fs = open_overlay(view.context);
    if (configure(fs.get(), form, layers)) {
      UniqueFd mount(static_cast<int>(::syscall(SYS_fsmount, fs.get(), FSMOUNT_CLOEXEC, attributes)));
      if (!mount) throw Error::from_errno(cat("mount tree ", tree.id));
      if (upper != nullptr) require_writable(mount.get(), tree.id);
      return mount;
    }
    const int err = errno;
    old = err == EOPNOTSUPP;
    if ((err != EINVAL && !old) || form == Form::joined)
      throw Error::from_errno(cat("make the overlay of tree ", tree.id, kernel_log(fs.get())), err)
          .hint("use --no-overlay");
  }
  throw Error(Errc::bug, "no form of an overlay is left");
}

std::string trees_of(const Tree& tree) {
  const auto& path = tree.lowers.front();
  return path.substr(0, path.rfind('/', path.rfind('/') - 1));
}

// An overlay without an upper needs two lowers; a tree of one layer may hold whiteouts, which only an overlay hides.
UniqueFd mount_single(const Tree& tree, const View& view = {}) {
  Tree two = tree;
  const std::string trees = trees_of(tree);
  const DirFd in = DirFd::open(trees);
  if (!make_own_directory(in, kEmpty).names().empty()) {  // would be seen in every such tree
    in.remove_tree(kEmpty);
    (void)make_own_directory(in, kEmpty);
  }
  two.lowers.push_back(cat(trees, "/", kEmpty));
  return mount_layers(two, nullptr, nullptr, view);
}

}  // namespace

UniqueFd mount_overlay(const Tree& tree, const DirFd& upper, const DirFd& work, const View& view) {
  // The overlay works in `upper` and `work` as who mounts it; root of the host has no id there.
  const FileOwner owner(view.root);
  return mount_layers(tree, &upper, &work, view);
}

bool can_map_owners(const Tree& tree, int user_namespace) {
  try {
    Tree top = tree;
    top.lowers.resize(1);
    top.files.clear();  // the directory without it
    mount_single(top, {.user_namespace = user_namespace});
    return tree.files.front().empty() || can_map_file(tree.files.front(), user_namespace);
  } catch (const Error& e) {
    log::debug("tree", e.what());
    return false;
  }
}

UniqueFd mount_with_places(const Tree& tree, const std::vector<std::string>& places, const View& view) {
  const std::string top = cat(trees_of(tree), "/", kPlaces);
  // The modes of "/" and "/etc" for whoever is inside, now and the next time.
  const mode_t mask = ::umask(022);
  const ScopeExit restore([&] { ::umask(mask); });
  const DirFd dir = make_own_directory(DirFd::open(trees_of(tree)), kPlaces);
  for (const auto& place : places) {
    const auto name = place.rfind('/') + 1;
    const DirFd parent = dir.make_path_in_root(place.substr(0, name));
    if (name < place.size()) (void)parent.open_file(place.substr(name), O_RDONLY | O_CREAT, 0644);
  }
  Tree with = tree;
  with.lowers.insert(with.lowers.begin(), top);
  with.files.insert(with.files.begin(), "");
  return mount_layers(with, nullptr, nullptr, view);
}

UniqueFd mount_read_only(const Tree& tree) {
  return tree.lowers.size() == 1 ? mount_single(tree) : mount_layers(tree, nullptr, nullptr);
}

}  // namespace rkt::tree
