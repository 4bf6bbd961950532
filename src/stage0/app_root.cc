// SPDX-License-Identifier: Apache-2.0
#include "stage0/app_root.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "stage0/labels.h"
#include "stage0/mounts.h"
#include "stage0/stage0.h"
#include "stage0/trees.h"
#include "sys/file.h"

namespace rkt::stage0 {
namespace {

std::string stage2(const std::string& app) { return cat("opt/stage2/", app); }

std::vector<std::string> record_suffixes() {
  std::vector<std::string> out{"-created", ".reserved"};
  for (const char* suffix : kRunSuffixes) out.insert(out.end(), {suffix, cat(suffix, kAside)});
  return out;
}

// What stage1 keeps about an app by its name.
void remove_records(const DirFd& root, const std::string& app) {
  if (const auto status = root.find_in_root("rkt/status", O_RDONLY | O_DIRECTORY))
    for (const std::string& suffix : record_suffixes())
      if (::unlinkat(status->get(), cat(app, suffix).c_str(), 0) < 0 && errno != ENOENT)
        throw Error::from_errno(cat("remove the status of app ", quoted(app)));
  if (const auto env = root.find_in_root("rkt/env", O_RDONLY | O_DIRECTORY)) ::unlinkat(env->get(), app.c_str(), 0);
}

}  // namespace

std::string app_place(const std::string& app) { return cat(stage2(app), "/rootfs"); }

DirFd app_files(const DirFd& root, const std::string& app) {
  return DirFd(root.open_in_root(app_place(app), O_RDONLY | O_DIRECTORY));
}

// A link in the image's place of etc is not followed.
void add_mtab(const DirFd& root, const std::string& app) {
  const DirFd rootfs = app_files(root, app);
  const UniqueFd etc(::openat(rootfs.get(), "etc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!etc) return;
  if (::symlinkat("../proc/self/mounts", etc.get(), "mtab") < 0 && errno != EEXIST)
    throw Error::from_errno("make the link \"etc/mtab\"");
}

PodTree open_app_tree(store::Store& store, const DirFd& pod, const std::string& app, const tree::Options& options,
                      Looked looked, SharedKept& kept) {
  return open_tree(store, read_file(pod, cat("appsinfo/", app, "/treeStoreID"), 4096), options, looked, &kept);
}

UniqueFd make_app_mount(const DirFd& pod, const std::string& app, const PodTree& tree, const PrivateUsers* users) {
  const std::string context = find_contexts(pod).files;
  return users != nullptr ? mount_for_pod_mapped(tree, pod, app, *users, context)
                          : mount_for_pod(tree, pod, app, context);
}

void attach_app(const DirFd& pod, const DirFd& root, const std::string& app, const UniqueFd& mount) {
  const DirFd place = root.make_path_in_root(stage2(app));
  write_file(place, "manifest", read_file(pod, cat("appsinfo/", app, "/manifest")), 0644);
  attach(mount, place.make_sub("rootfs", 0755).get(), cat("the root of app ", quoted(app)));
}

void close_app_roots(const DirFd& root) {
  if (::fchmod(root.make_path_in_root("opt/stage2").get(), 0700) < 0)
    throw Error::from_errno("set the mode of \"opt/stage2\"");
}

void copy_app(store::Store& store, const AppRequest& request, const DirFd& root, const std::string& app) {
  close_app_roots(root);
  const DirFd place = root.make_path_in_root(stage2(app));
  write_file(place, "manifest", request.image.manifest, 0644);
  tree::copy(tree::render(store, request.image, request.trees), place.make_sub("rootfs", 0755));
}

void remove_app_root(const DirFd& pod, const DirFd& root, const std::string& app) {
  if (const auto place = root.find_in_root(stage2(app), O_RDONLY | O_DIRECTORY)) {
    const std::string rootfs = cat("/proc/self/fd/", place->get(), "/rootfs");
    while (::umount2(rootfs.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) {
    }
    if (errno != EINVAL && errno != ENOENT) throw Error::from_errno(cat("detach the root of app ", quoted(app)));
    DirFd(root.open_in_root("opt/stage2", O_RDONLY | O_DIRECTORY)).remove_tree(app);
  }
  const auto tree = find_file_text(pod, cat("appsinfo/", app, "/treeStoreID"), 4096);
  if (const auto overlay = tree ? pod.find_sub(cat("overlay/", trim(*tree))) : std::nullopt)
    for (const char* layer : {"upper", "work"})
      if (const auto dir = overlay->find_sub(layer)) dir->remove_tree(app);
  remove_records(root, app);
  for (const char* place : {"appsinfo", "logs", "sharedVolumes/.implicit"})
    if (const auto dir = pod.find_sub(place)) dir->remove_tree(app);
}

}  // namespace rkt::stage0
