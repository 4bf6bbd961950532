// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "stage0/call.h"
#include "stage0/leader.h"
#include "stage0/mounts.h"
#include "stage0/stage0.h"
#include "stage0/users.h"
#include "sys/mount.h"
#include "sys/userns.h"

namespace rkt::stage0 {
namespace {

// The program in a place that nobody can ever write to: an overlay without an upper layer, attached nowhere. Our stage1
// would have to make a sealed copy of itself otherwise, see stage1/native/sealed.cc.
UniqueFd unwritable(const tree::Tree& tree, const std::string& entrypoint) {
  try {
    return DirFd(tree::mount_read_only(tree)).open_in_root(entrypoint, O_PATH);
  } catch (const Error& e) {
    log::debug("stage0", e.brief());
    return {};
  }
}

// Rendered and mounted for this one command; where the app's users are private the files are theirs.
UniqueFd mount_debug_root(store::Store& store, const Stage1& stage1, const DirFd& pod,
                          const store::ImageRecord& image) {
  if (!stage1.takes("debug-root")) throw Error(Errc::unsupported, "the pod's stage1 cannot be entered with an image");
  const KeyLock trees = store::prepare_lock(store.data_path(), LockMode::shared);
  store.touch(image, std::chrono::system_clock::now());
  const auto users = find_range(pod);
  const UniqueFd user_namespace = users ? make_user_namespace(*users) : UniqueFd();
  const auto tree = tree::render(store, image);
  std::optional<PrivateMounts> mounts;
  if (tree.has_files()) mounts.emplace();
  tree::mount_files(tree);
  return tree::mount_with_places(tree, {"dev/", "proc/", "sys/", "tmp/", "rkt/app/", "etc/hosts", "etc/resolv.conf"},
                                 users ? user_namespace.get() : -1);
}

}  // namespace

[[noreturn]] void enter(store::Store& store, const pod::Pods& pods, const Uuid& id, const EnterRequest& request) {
  auto pod = pod::Pod::open(pods, id);
  if (pod.state() != pod::State::running)
    throw Error(Errc::invalid, cat("pod ", quoted(id.str()), " isn't currently running"));
  const int pid = in_context([&] { return cat("unable to determine the pid for pod ", quoted(id.str())); },
                             [&] { return wait_for_leader(pods, pod); });
  in_context([] { return std::string("enter failed"); },
             [&] {
               const Stage1 stage1 = Stage1::of(pod.dir());
               const std::string& entrypoint = stage1.entrypoint("enter");
               UniqueFd debug_root;
               if (request.debug_image) debug_root = mount_debug_root(store, stage1, pod.dir(), *request.debug_image);
               const PodTree tree = open_stage1_tree(store, pod);
               const std::string path = pod.path(pods);
               if (needs_mount(tree.tree)) enter_private_mounts();
               Program program = plan_program(tree, path, entrypoint);
               program.exe = unwritable(tree.tree, entrypoint);
               program.argv.push_back(cat("--pid=", pid));
               program.argv.push_back(cat("--appname=", request.app));
               if (debug_root) program.argv.push_back(cat("--debug-root=", debug_root.get()));
               program.passed_fd = debug_root.get();
               program.argv.emplace_back("--");
               program.argv.insert(program.argv.end(), request.command.begin(), request.command.end());
               if (::fchdir(DirFd::open(path).get()) < 0) throw Error::from_errno(cat("change to ", quoted(path)));
               exec_program(program);
             });
  ::_exit(254);  // never reached: the body above does not return
}

}  // namespace rkt::stage0
