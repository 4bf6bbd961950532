// SPDX-License-Identifier: Apache-2.0
// Removal of a pod (docs/devel/pod-lifecycle.md): stage1's gc, mounts, files. Every step can be repeated.
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "pod/mounts.h"
#include "pod/transition.h"
#include "stage0/call.h"
#include "stage0/gc.h"
#include "stage0/metadata.h"
#include "stage0/mounts.h"
#include "stage0/trees.h"
#include "sys/file.h"

namespace rkt::stage0 {
namespace {

using pod::State;

// The pod's stage1 as it was while it ran: gc reads what it wrote. A pod whose layers or mount point are gone (it never
// got that far, or was half removed) is collected without them.
void attach_left_stage1(const PodTree& tree, const std::string& pod_path) {
  const DirFd pod = DirFd::open(pod_path);
  const auto root = pod.find_sub("stage1/rootfs");
  if (!root || !pod.exists("overlay-prepared") || !pod.exists(cat("overlay/", tree.tree.id, "/upper"))) return;
  try {
    return attach_stage1(tree, pod, {});
  } catch (const Error& e) {
    if (!e.disk_full()) throw;
  }
  attach(mount_as_left(tree, pod_path), root->get(), "the root of stage1");
}

// When stage1 failed for the first time. Beside its manifest, not in the pod's directory: a change there would begin
// the grace period again. Where no file can be made any more the day begins when the pod was marked.
pod::TimePoint first_failure(const pod::Pod& pod) {
  constexpr const char* kFile = "stage1/gc-failed";
  const DirFd& dir = pod.dir();
  try {
    if (!dir.exists(kFile)) write_file(dir, kFile, "", 0640);
  } catch (const Error& e) {
    if (!e.disk_full()) throw;
    return pod.changed();
  }
  struct stat st{};
  if (::fstatat(dir.get(), kFile, &st, AT_SYMLINK_NOFOLLOW) < 0) throw Error::from_errno(cat("stat ", quoted(kFile)));
  return pod::TimePoint(std::chrono::seconds(st.st_mtim.tv_sec));
}

// Stage1 has not run where its root was never put together: what its status goes to is made last, before it runs.
bool never_started(const pod::Pod& pod) {
  std::optional<std::string> tree;
  try {
    tree = pod.stage1_tree();
  } catch (const Error&) {  // cut short by a power cut, say: nobody can tell
    return false;
  }
  if (!tree || !pod.dir().exists("overlay-prepared")) return false;
  const auto upper = pod.dir().find_sub(cat("overlay/", *tree, "/upper"));
  return !upper || !upper->find_in_root("rkt/status", O_PATH);
}

// What the pod holds outside of its directory. False: something is left, and the files that say what must stay.
bool release_resources(store::Store& store, const pod::Pods& pods, const pod::Pod& pod, const Removal& how) {
  const std::string name = quoted(pod.id().str());
  if (!pod.dir().exists("stage1/manifest")) {
    how.note(cat("skipping stage1 GC: pod ", name, " has no stage1 left"));
    return true;
  }
  try {
    collect_with_stage1(store, pods, pod, how.local_config, how.debug);
    return true;
  } catch (const Error& e) {
    if (never_started(pod)) {  // there is nothing to give back
      log::debug("stage0", cat("no stage1 GC of pod ", name, ", which never started: ", e.brief()));
      return true;
    }
    how.note(cat("problem performing stage1 GC on ", name, ": ", e.brief()));
  }
  if (how.insist || is_past_patience(first_failure(pod), std::chrono::system_clock::now())) return true;
  how.note(cat("pod ", name, " stays until its stage1 GC succeeds, for a day at most; \"rkt rm\" removes it now"));
  return false;
}

void remove_directory(const pod::Pods& pods, const pod::Pod& pod) {
  pod::remove_files(pod.dir());
  const DirFd& place = pods.dir(pod::state_place(pod.state()));
  if (::unlinkat(place.get(), pod.id().str().c_str(), AT_REMOVEDIR) < 0 && errno != ENOENT)
    throw Error::from_errno("remove the pod's directory");
}

}  // namespace

void collect_with_stage1(store::Store& store, const pod::Pods& pods, const pod::Pod& pod,
                         const std::string& local_config, bool debug) {
  const Stage1 stage1 = Stage1::of(pod.dir());
  const PodTree tree = open_tree(store, pod.stage1_tree().value_or(""));
  const MountScope scope;
  const std::string path = pod.path(pods);
  const bool at_rootfs = tree.tree.lowers.size() > 1;  // that is where the program's tree is mounted then
  if (at_rootfs) pod.dir().make_sub("stage1/rootfs", 0750);
  Program program = plan_program(tree, path, stage1.entrypoint("gc"));
  if (!at_rootfs) attach_left_stage1(tree, path);
  const auto args = plan_gc_args(stage1.interface_version(), debug, local_config, pod.id());
  program.argv.insert(program.argv.end(), args.begin(), args.end());
  run_program(program, path, false);
}

Removed delete_pod(store::Store& store, const pod::Pods& pods, pod::Pod& pod, const Removal& how) {
  const std::string name = quoted(pod.id().str());
  const auto place = pod::state_place(pod.state());
  const auto lock = pod::lock_unless_held(pod.dir());
  if (!lock || !pods.holds(place, pod.id(), pod.dir())) return Removed::busy;
  try {
    unregister_metadata(pod.dir(), pod.id());
  } catch (const Error& e) {
    how.note(cat("warning: metadata of pod ", name, " is not unregistered: ", e.brief()));
  }
  if (place == "exited-garbage" && !release_resources(store, pods, pod, how)) return Removed::kept;
  in_context([&] { return cat("GC of leftover mounts for pod ", name, " failed"); },
             [&] { pod::detach_mounts_below(pod.path(pods)); });
  in_context([&] { return cat("unable to remove pod ", name); }, [&] { remove_directory(pods, pod); });
  return Removed::yes;
}

void remove_pod(store::Store& store, const pod::Pods& pods, const Uuid& id, const std::string& local_config,
                bool debug) {
  auto pod = pod::Pod::open(pods, id);
  const std::string name = quoted(id.str());
  const auto refuse = [&](std::string_view why) { return Error(Errc::busy, cat("pod ", name, " is currently ", why)); };
  if (pod.state() == State::running) throw refuse("running");
  if (pod.state() == State::embryo || pod.state() == State::preparing) throw refuse("being prepared");
  if (pod.state() == State::deleting || pod.state() == State::exited_deleting) throw refuse("being deleted");
  if (pod.state() == State::exited || pod.state() == State::aborted_prepare || pod.state() == State::prepared) {
    const bool was_prepared = pod.state() == State::prepared;
    switch (pod::mark_garbage(pods, pod)) {
      case pod::Marked::moved:
        break;
      case pod::Marked::gone:
        throw Error(Errc::not_found, cat("no matches found for ", name));
      case pod::Marked::busy:
        throw refuse(was_prepared ? "being started" : "running");
    }
  }
  const Removal how{.local_config = local_config, .debug = debug, .insist = true, .note = [](std::string_view line) {
                      log::note("rm", line);
                    }};
  if (delete_pod(store, pods, pod, how) == Removed::busy) throw refuse("being deleted");
  release_trees(store, pods, how.note);
}

}  // namespace rkt::stage0
