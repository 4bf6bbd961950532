// SPDX-License-Identifier: Apache-2.0
// Handing this process over to a stage1 program: its environment, its descriptors, exec.
#pragma once

#include <string>
#include <vector>

#include "sys/dir.h"
#include "sys/fd.h"
#include "sys/selinux.h"

namespace rkt::stage0 {

/// This process's environment as K=V.
std::vector<std::string> own_environment();

/// Pure: what of `environment` every stage1 program gets: PATH, TERM, LANG, LC_*.
std::vector<std::string> plain_environment(const std::vector<std::string>& environment);
/// Pure: what `run` gets besides: NOTIFY_SOCKET, RKT_HYPERVISOR_EXTRA_KERNEL_PARAMS, and LISTEN_* when they are meant
/// for process `pid`; RKT_LOCK_FD and the SELinux contexts.
std::vector<std::string> run_environment(const std::vector<std::string>& environment, int pid, int lock_fd,
                                         const SelinuxContexts& contexts = {});
/// Pure: how many descriptors from 3 on systemd passed to process `pid`.
int listen_fds(const std::vector<std::string>& environment, int pid);
/// Throws when one of descriptors 3 … is not open, or is one of rkt's own.
void check_passed(int count);

/// The path at which the program `entrypoint` of the image below `root` is executed: links are resolved inside the
/// image, so that none leads to a program of the host. Throws when it is no regular file.
std::string program_path(const DirFd& root, const std::string& entrypoint);

struct Program {
  UniqueFd exe = {};  ///< the same file, executed rather than `path` where it is no script
  std::string path;   ///< from program_path()
  std::vector<std::string> argv;
  std::vector<std::string> env;
  int listen_fds = 0;           ///< descriptors 3 … that cross, too
  std::vector<int> passed_fds;  ///< cross as well
};
/// Returns only by throwing.
[[noreturn]] void exec_program(const Program& program);

}  // namespace rkt::stage0
