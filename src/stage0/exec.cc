// SPDX-License-Identifier: Apache-2.0
#include "stage0/exec.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "stage0/stage1_call.h"
#include "sys/file.h"

namespace rkt::stage0 {
namespace {

// How many descriptors from 3 on belong to socket activation of exactly this process.
unsigned listen_fds() {
  const auto pid = env("LISTEN_PID"), count = env("LISTEN_FDS");
  if (!pid || !count || parse_int<pid_t>(*pid) != ::getpid()) return 0;
  return std::min(parse_int<unsigned>(*count).value_or(0), 256U);
}

}  // namespace

std::vector<std::string> environment_for_stage1() {
  std::vector<std::string> own;
  for (char** v = environ; *v != nullptr; ++v) own.emplace_back(*v);
  return stage1_environment(own);
}

void exec_stage1(const Stage1Exec& call) {
  std::vector<std::string> env = environment_for_stage1();
  std::erase_if(env, [](const std::string& v) { return v.starts_with("RKT_LOCK_FD=") || v.starts_with("RKT_SELINUX_"); });
  if (::fchdir(call.cwd.get()) < 0) throw Error::from_errno("change to the pod's directory");
  if (::syscall(SYS_close_range, 3 + listen_fds(), ~0U, CLOSE_RANGE_CLOEXEC) < 0) throw Error::from_errno("close stray descriptors");
  if (call.lock_fd >= 0) {
    keep_across_exec(call.lock_fd);
    env.push_back(cat("RKT_LOCK_FD=", call.lock_fd));
    env.emplace_back("RKT_SELINUX_CONTEXT=");
    env.emplace_back("RKT_SELINUX_MOUNT_CONTEXT=");
  }
  std::vector<std::string> argv = call.argv;
  std::vector<char*> argp, envp;
  for (auto& a : argv) argp.push_back(a.data());
  for (auto& e : env) envp.push_back(e.data());
  argp.push_back(nullptr);
  envp.push_back(nullptr);
  ::signal(SIGPIPE, SIG_DFL);  // main ignores it; a program starts with the default
  ::execve(call.exe.c_str(), argp.data(), envp.data());
  throw Error::from_errno(cat("execute ", quoted(call.exe)));
}

}  // namespace rkt::stage0
