// SPDX-License-Identifier: Apache-2.0
#include "stage0/call.h"

#include <fcntl.h>

#include "base/error.h"
#include "base/strings.h"
#include "stage0/mounts.h"
#include "sys/spawn.h"

namespace rkt::stage0 {

bool needs_mount(const tree::Tree& tree) { return tree.lowers.size() > 1; }

Program plan_program(const tree::Tree& tree, const std::string& pod_path, const std::string& entrypoint) {
  std::string root = tree.lowers.front();
  if (needs_mount(tree)) {
    root = cat(pod_path, "/stage1/rootfs");
    attach(tree::mount_read_only(tree), DirFd::open(root).get(), "the tree of stage1");
  }
  return {.path = program_path(DirFd::open(root), entrypoint),
          .argv = {cat(root, entrypoint.starts_with('/') ? "" : "/", entrypoint)},
          .env = plain_environment(own_environment())};
}

void run_program(const Program& program, const std::string& pod_path, bool with_output) {
  const DirFd pod = DirFd::open(pod_path);
  UniqueFd null;
  if (!with_output) {
    null.reset(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    if (!null) throw Error::from_errno("open \"/dev/null\"");
  }
  Child child = Child::spawn(
      {.exe = program.path, .argv = program.argv, .env = program.env, .out = null.get(), .cwd_fd = pod.get()});
  const ExitStatus status = child.wait();
  if (status.signal != 0) throw Error(Errc::system, cat("ended by signal ", status.signal));
  if (status.code != 0) throw Error(Errc::system, cat("exit status ", status.code));
}

}  // namespace rkt::stage0
