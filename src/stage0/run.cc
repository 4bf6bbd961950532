// SPDX-License-Identifier: Apache-2.0
// From a prepared directory to stage1: the state change, a mount namespace of the pod's own, the mounts, the exec. On the fast path of
// every start: nothing is synced, nothing is looked at twice.
#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "stage0/exec.h"
#include "stage0/pod_dir.h"
#include "stage0/stage0.h"
#include "sys/file.h"

namespace rkt::stage0 {
namespace {

constexpr const char* kNetns = "/run/netns";

// The hosts file that apps without one of their own see; a stage1 image brings its text, foreign ones may not.
constexpr std::string_view kNoFallback = "#created by rkt stage0\n127.0.0.1 localhost localhost.localdomain\n";

// /run/netns as a shared mount of the host, so that a namespace that stage1 pins there is visible outside the pod's mount namespace.
void share_netns_directory() {
  make_dirs(kNetns);
  if (::mount(nullptr, kNetns, nullptr, MS_SHARED | MS_REC, nullptr) == 0) return;
  if (errno != EINVAL) throw Error::from_errno(cat("share ", quoted(kNetns)));
  // Not a mount point yet.
  if (::mount(kNetns, kNetns, nullptr, MS_BIND | MS_REC, nullptr) < 0 || ::mount(nullptr, kNetns, nullptr, MS_SHARED | MS_REC, nullptr) < 0)
    throw Error::from_errno(cat("share ", quoted(kNetns)));
}

// Mounts of the pod never reach the host and die with the pod, however it dies; mounts of the host made later do reach the pod. Only
// /run/netns stays in the host's peer group.
void leave_host_mounts(bool keep_netns) {
  if (keep_netns) share_netns_directory();
  if (::unshare(CLONE_NEWNS) < 0) throw Error::from_errno("make a mount namespace");
  UniqueFd netns;
  if (keep_netns) {
    netns.reset(::open_tree(AT_FDCWD, kNetns, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE));
    if (!netns) throw Error::from_errno(cat("clone the mount of ", quoted(kNetns)));
  }
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) < 0) throw Error::from_errno("separate mounts from the host");
  if (keep_netns) attach(netns, DirFd::open(kNetns));
}

// etc/mtab -> ../proc/self/mounts where the app has an etc directory without one.
void link_mtab(const DirFd& rootfs) {
  const auto etc = rootfs.find_in_root("etc", O_PATH | O_DIRECTORY);
  if (!etc) return;
  if (::symlinkat("../proc/self/mounts", etc->get(), "mtab") < 0 && errno != EEXIST && errno != EROFS) throw Error::from_errno("link \"etc/mtab\"");
}

void mount_app(const store::Store& store, const DirFd& pod, const DirFd& s1, const std::string& app, bool overlay) {
  const DirFd home = s1.make_path_in_root(cat("opt/stage2/", app));
  if (!overlay) return link_mtab(home.sub("rootfs"));
  const DirFd info = pod.sub("appsinfo").sub(app);
  write_file(home, "manifest", read_file(info, "manifest"), 0644);
  const auto tree = tree::open(store, std::string(trim(read_file(info, "treeStoreID", 256))));
  const UniqueFd merged = pod_overlay(pod, tree, app);
  attach(merged, home.make_sub("rootfs"));
  link_mtab(home.sub("rootfs"));
}

void write_dns_files(const DirFd& s1, const DnsPlan& dns) {
  if (dns.resolv != FileMode::stage0 && dns.hosts != FileMode::stage0) return;
  const DirFd etc = s1.make_path_in_root("etc");
  if (dns.resolv == FileMode::stage0) write_file(etc, "rkt-resolv.conf", dns.resolv_conf, 0644);
  if (dns.hosts != FileMode::stage0) return;
  const auto fallback = find_file_text(etc, "hosts-fallback");
  write_file(etc, "rkt-hosts", cat(fallback ? *fallback : kNoFallback, dns.hosts_file), 0644);
}

[[noreturn]] void launch(const store::Store& store, const pod::Pods& pods, NewPod pod, const RunOptions& options) {
  const std::string uuid = pod.id.str();
  const auto manifest = appc::parse_pod_manifest(read_file(pod.dir, "pod"));
  if (manifest.apps.empty()) throw Error(Errc::usage, "pod must contain at least one application");
  const auto stage1 = find_stage1(pod.dir);
  if (!stage1) throw Error(Errc::invalid, cat("pod ", quoted(uuid), " has no stage1 manifest"));
  const DnsPlan dns = plan_dns(options);
  const std::string entry = stage1->entrypoint("run");
  const bool overlay = uses_overlay(pod.dir);

  leave_host_mounts(!options.net.host());
  if (overlay) {
    log::debug("stage0", "Setting up stage1");
    attach(pod_overlay(pod.dir, stage1_tree(store, pod.dir), ""), pod.dir.sub(kStage1Rootfs));
  }
  const DirFd s1 = pod.dir.sub(kStage1Rootfs);
  s1.make_path_in_root("rkt/status");
  for (const auto& app : manifest.apps) mount_app(store, pod.dir, s1, app.name.str(), overlay);
  write_dns_files(s1, dns);

  std::vector<std::string> warnings;
  const std::string dir = cat(pods.data(), "/pods/run/", uuid), exe = cat(dir, "/", kStage1Rootfs, entry);
  std::vector<std::string> argv = plan_run_args(*stage1, options, dns, uuid, warnings);
  argv.insert(argv.begin(), exe);
  for (const auto& w : warnings) log::note("stage0", w);
  log::debug("stage0", cat("Execing [", join(argv, " "), "]"));
  exec_stage1({.exe = exe, .argv = std::move(argv), .cwd = pod.dir, .lock_fd = pod.lock.fd()});
}

}  // namespace

void check_run_options(const RunOptions& options, bool has_ports) {
  plan_dns(options);
  if (has_ports && options.net.none()) throw Error(Errc::usage, "--port flag does not work with 'none' networking");
  if (has_ports && options.net.host()) throw Error(Errc::usage, "--port flag does not work with 'host' networking");
  if (options.mds_register && options.net.none())
    throw Error(Errc::usage, "--mds-register flag does not work with --net=none. Please use 'host', 'default' or an equivalent network");
  if (options.mds_register) throw Error(Errc::unsupported, "could not reach the metadata service").hint("run without --mds-register");
  if (!options.ipc.empty() && options.ipc != "auto" && options.ipc != "private" && options.ipc != "parent")
    throw Error(Errc::usage, cat("unknown value for --ipc parameter: ", options.ipc));
}

void run(store::Store& store, const pod::Pods& pods, NewPod pod, const RunOptions& options) {
  const std::string name = pod.id.str();
  in_context([] { return std::string("unable to transition to run"); }, [&] { pods.dir("prepare").rename(name, pods.dir("run"), name); });
  launch(store, pods, std::move(pod), options);
}

void run_prepared(store::Store& store, const pod::Pods& pods, const Uuid& id, const RunOptions& options) {
  const std::string name = id.str();
  const auto not_prepared = [&] { return Error(Errc::busy, cat("pod ", quoted(name), " is not prepared")); };
  auto dir = pods.dir("prepared").find_sub(name);
  if (!dir) throw not_prepared();
  auto lock = DirLock::try_take(pods.dir("prepared").sub(name).release(), LockMode::exclusive);
  // Whoever has the lock runs or removes it; and while this process opened it, somebody may have moved it.
  if (!lock || !pods.dir("prepared").exists(name)) throw not_prepared();
  in_context([] { return std::string("cannot transition to run"); }, [&] { pods.dir("prepared").rename(name, pods.dir("run"), name); });
  launch(store, pods, NewPod{id, std::move(*dir), std::move(*lock)}, options);
}

}  // namespace rkt::stage0
