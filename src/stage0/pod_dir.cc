// SPDX-License-Identifier: Apache-2.0
#include "stage0/pod_dir.h"

#include <fcntl.h>
#include <sys/mount.h>

#include "base/error.h"
#include "base/strings.h"
#include "sys/file.h"

namespace rkt::stage0 {

std::string data_of(const store::Store& store) {
  // The store is DATA/cas; its descriptor knows where that is.
  std::string path(4096, '\0');
  const ssize_t n = ::readlink(cat("/proc/self/fd/", store.cas().get()).c_str(), path.data(), path.size());
  if (n < 0) throw Error::from_errno("find the data directory");
  path.resize(static_cast<std::size_t>(n));
  return path.substr(0, path.find_last_of('/'));
}

std::optional<Stage1> find_stage1(const DirFd& pod) {
  const auto dir = pod.find_sub("stage1");
  if (!dir) return std::nullopt;
  const auto text = find_file_text(*dir, "manifest", std::size_t{4} << 20);
  if (!text) return std::nullopt;
  return Stage1(appc::parse_image_manifest(*text));
}

tree::Tree stage1_tree(const store::Store& store, const DirFd& pod) {
  return tree::open(store, std::string(trim(read_file(pod, "stage1TreeStoreID", 256))));
}

std::string entrypoint_in_tree(const store::Store& store, const DirFd& pod, const Stage1& stage1, const std::string& name) {
  const std::string path = stage1.entrypoint(name);
  return cat(stage1_tree(store, pod).lowers.at(0), path);
}

bool uses_overlay(const DirFd& pod) { return pod.exists("overlay-prepared"); }

UniqueFd pod_overlay(const DirFd& pod, const tree::Tree& tree, const std::string& app) {
  const DirFd base = pod.make_sub("overlay", 0755).make_sub(tree.id, 0755);
  DirFd upper = base.make_sub("upper"), work = base.make_sub("work", 0750);
  if (!app.empty()) {
    upper = upper.make_sub(app);
    work = work.make_sub(app, 0750);
  }
  const DirFd root = DirFd::open(tree.lowers.at(0));
  struct stat st{};
  if (::fstat(root.get(), &st) < 0 || ::fchown(upper.get(), st.st_uid, st.st_gid) < 0 || ::fchmod(upper.get(), st.st_mode & 07777) < 0)
    throw Error::from_errno("set the owner of an upper directory");
  return tree::mount_overlay(tree, upper, work);
}

void attach(const UniqueFd& mount, const DirFd& at) {
  if (::move_mount(mount.get(), "", at.get(), "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0) throw Error::from_errno("attach a mount");
}

}  // namespace rkt::stage0
