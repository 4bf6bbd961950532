// SPDX-License-Identifier: Apache-2.0
// Removal of finished pods (reference: pods §1.8, §1.9). The pod's lock is held throughout; every step can be repeated, so a kill
// anywhere leaves a pod that the next call goes on with. Order: stage1's own clean-up, leftover mounts, the trees, the rest, the manifest.
#include <fcntl.h>
#include <sys/mount.h>

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "stage0/exec.h"
#include "stage0/pod_dir.h"
#include "stage0/remove.h"
#include "stage0/stage0.h"
#include "sys/file.h"
#include "sys/lock.h"
#include "sys/spawn.h"

namespace rkt::stage0 {
namespace {

// mountinfo writes blanks, tabs, newlines and backslashes as \ooo.
std::string unescape(std::string_view s) {
  std::string out;
  for (std::size_t i = 0; i < s.size(); ++i) {
    const auto code = s[i] == '\\' ? parse_int<unsigned>(s.substr(i + 1, 3), 8) : std::nullopt;
    if (code && i + 3 < s.size() + 1 && *code < 256) {
      out.push_back(static_cast<char>(*code));
      i += 3;
    } else {
      out.push_back(s[i]);
    }
  }
  return out;
}

void detach_leftover_mounts(const std::string& pod_path) {
  for (const auto& target : mounts_below(read_file("/proc/self/mountinfo", std::size_t{64} << 20), pod_path)) {
    ::mount(nullptr, target.c_str(), nullptr, MS_PRIVATE, nullptr);
    if (::umount2(target.c_str(), UMOUNT_NOFOLLOW) < 0 && ::umount2(target.c_str(), UMOUNT_NOFOLLOW | MNT_DETACH) < 0 && errno != EINVAL && errno != ENOENT)
      throw Error::from_errno(cat("unmount ", quoted(target)));
  }
}

void run_stage1_gc(const store::Store& store, const DirFd& pod, const Uuid& id, const std::string& local_config, bool debug) {
  const auto stage1 = find_stage1(pod);
  if (!stage1 || !pod.exists("stage1TreeStoreID")) return;  // an earlier removal got past this
  const std::string exe = entrypoint_in_tree(store, pod, *stage1, "gc");
  if (uses_overlay(pod)) {
    // Mounted again, as the contract promises gc; unmounted with the other leftovers.
    if (const auto at = pod.find_sub(kStage1Rootfs)) attach(pod_overlay(pod, stage1_tree(store, pod), ""), *at);
  }
  std::vector<std::string> argv = {exe};
  if (debug) argv.emplace_back("--debug");
  if (stage1->interface_version() >= 5 && !local_config.empty()) {
    argv.emplace_back("--local-config");
    argv.push_back(local_config);
  }
  argv.push_back(id.str());
  const UniqueFd null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  Child child = Child::spawn({.exe = exe, .argv = std::move(argv), .env = environment_for_stage1(), .out = null.get(), .cwd_fd = pod.get()});
  const ExitStatus status = child.wait();
  if (!status.ok()) throw Error(Errc::system, cat("stage1's gc ended with status ", status.shell()));
}

// Everything but the manifest, then the manifest: while it is there, `list` knows what this is.
void remove_files(const DirFd& parent, const std::string& name) {
  const auto dir = parent.find_sub(name);
  if (!dir) return;
  for (const char* big : {"overlay", "stage1/rootfs", "sharedVolumes"}) dir->remove_tree(big);
  for (const auto& entry : dir->names())
    if (entry != "pod") dir->remove_tree(entry);
  dir->unlink("pod");
  parent.remove_tree(name);
}

// The place of a pod that may be removed, under its exclusive lock.
struct Doomed {
  std::string place;
  DirFd dir;
  DirLock lock;
};

std::optional<Doomed> lock_garbage(const pod::Pods& pods, const std::string& name) {
  for (const char* place : {"exited-garbage", "garbage"}) {
    auto dir = pods.dir(place).find_sub(name);
    if (!dir) continue;
    DirLock lock = DirLock::take(pods.dir(place).sub(name).release(), LockMode::exclusive);
    if (!pods.dir(place).exists(name)) return std::nullopt;  // whoever held the lock has removed it
    return Doomed{place, std::move(*dir), std::move(lock)};
  }
  return std::nullopt;
}

bool move_to(const pod::Pods& pods, const char* from, const char* to, const std::string& name) {
  try {
    pods.dir(from).rename(name, pods.dir(to), name);
    return true;
  } catch (const Error& e) {
    if (e.code() == Errc::not_found) return false;  // somebody else was faster
    throw;
  }
}

}  // namespace

std::vector<std::string> mounts_below(std::string_view mountinfo, const std::string& directory) {
  std::vector<std::string> out;
  for (const auto line : split(mountinfo, '\n')) {
    const auto fields = split(line, ' ');
    if (fields.size() < 5) continue;
    std::string target = unescape(fields[4]);
    if (target.starts_with(cat(directory, "/"))) out.push_back(std::move(target));
  }
  std::reverse(out.begin(), out.end());  // the list is in mounting order: what came last goes first
  return out;
}

void delete_garbage(store::Store& store, const pod::Pods& pods, const Uuid& id, const std::string& local_config, bool debug) {
  const std::string name = id.str();
  auto doomed = lock_garbage(pods, name);
  if (!doomed) return;
  const std::string path = cat(pods.data(), "/pods/", doomed->place, "/", name);
  detach_leftover_mounts(path);
  if (doomed->place == "exited-garbage") {
    try {
      run_stage1_gc(store, doomed->dir, id, local_config, debug);
    } catch (const Error& e) {
      log::note("gc", cat("problem performing stage1 GC on ", quoted(name), ": ", e.brief()));
    }
    detach_leftover_mounts(path);
  }
  in_context([&] { return cat("unable to remove pod ", quoted(name)); }, [&] { remove_files(pods.dir(doomed->place), name); });
}

void remove_pod(store::Store& store, const pod::Pods& pods, const Uuid& id, const std::string& local_config, bool debug) {
  const std::string name = id.str();
  const pod::Pod pod = pod::Pod::open(pods, id);
  switch (pod.state()) {
    case pod::State::running: throw Error(Errc::busy, cat("pod ", quoted(name), " is currently running"));
    case pod::State::embryo:
    case pod::State::preparing: throw Error(Errc::busy, cat("pod ", quoted(name), " is currently being prepared"));
    case pod::State::deleting: throw Error(Errc::busy, cat("pod ", quoted(name), " is currently being deleted"));
    case pod::State::aborted_prepare:
      log::note("rm", cat("moving failed prepare ", quoted(name), " to garbage"));
      move_to(pods, "prepare", "garbage", name);
      break;
    case pod::State::prepared:
      log::note("rm", cat("moving expired prepared pod ", quoted(name), " to garbage"));
      move_to(pods, "prepared", "garbage", name);
      break;
    case pod::State::exited: move_to(pods, "run", "exited-garbage", name); break;
    case pod::State::exited_garbage:
    case pod::State::exited_deleting:
    case pod::State::garbage:
    case pod::State::gone: break;
  }
  delete_garbage(store, pods, id, local_config, debug);
}

}  // namespace rkt::stage0
