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

}  // namespace

[[noreturn]] void enter(const store::Store& store, const pod::Pods& pods, const Uuid& id, const std::string& app,
                        const std::vector<std::string>& command) {
  auto pod = pod::Pod::open(pods, id);
  if (pod.state() != pod::State::running)
    throw Error(Errc::invalid, cat("pod ", quoted(id.str()), " isn't currently running"));
  const int pid = in_context([&] { return cat("unable to determine the pid for pod ", quoted(id.str())); },
                             [&] { return wait_for_leader(pods, pod); });
  in_context([] { return std::string("enter failed"); },
             [&] {
               const std::string entrypoint = Stage1::of(pod.dir()).entrypoint("enter");
               const auto tree = tree::open(store, pod.stage1_tree().value_or(""));
               const std::string path = pod.path(pods);
               if (needs_mount(tree)) enter_private_mounts();
               Program program = plan_program(tree, path, entrypoint);
               program.exe = unwritable(tree, entrypoint);
               program.argv.push_back(cat("--pid=", pid));
               program.argv.push_back(cat("--appname=", app));
               program.argv.emplace_back("--");
               program.argv.insert(program.argv.end(), command.begin(), command.end());
               if (::fchdir(DirFd::open(path).get()) < 0) throw Error::from_errno(cat("change to ", quoted(path)));
               exec_program(program);
             });
  ::_exit(254);  // never reached: the body above does not return
}

}  // namespace rkt::stage0
