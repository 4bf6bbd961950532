// SPDX-License-Identifier: Apache-2.0
// The floor of one isolated start: new namespaces, an overlay root, proc, pivot_root, exec, and the removal of what was
// made. scripts/bench start measures everything against it.
//   floor LOWER SCRATCH COMMAND [ARG …]
#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <string>

namespace {

void must(long result, const char* what) {
  if (result >= 0) return;
  perror(what);
  _exit(99);
}

[[noreturn]] void child(const std::string& mount_point, const std::string& overlay, char** command) {
  must(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "private");
  must(mount("overlay", mount_point.c_str(), "overlay", 0, overlay.c_str()), "overlay");
  must(chdir(mount_point.c_str()), "chdir");
  mkdir("proc", 0755);
  must(mount("proc", "proc", "proc", 0, nullptr), "proc");
  must(syscall(SYS_pivot_root, ".", "."), "pivot_root");
  must(umount2(".", MNT_DETACH), "umount");
  must(chdir("/"), "chdir");
  execv(command[0], command);
  must(-1, "exec");
  _exit(98);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 97;
  const std::string pid = std::to_string(getpid()), scratch = argv[2];
  const std::string upper = scratch + "/u" + pid, work = scratch + "/w" + pid, at = scratch + "/m" + pid;
  for (const auto& d : {upper, work, at}) mkdir(d.c_str(), 0755);
  const std::string overlay = std::string("lowerdir=") + argv[1] + ",upperdir=" + upper + ",workdir=" + work;
  clone_args args{};
  args.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP | CLONE_NEWNET;
  args.exit_signal = SIGCHLD;
  const long p = syscall(SYS_clone3, &args, sizeof args);
  must(p, "clone3");
  if (p == 0) child(at, overlay, argv + 3);
  int status = 0;
  waitpid(static_cast<pid_t>(p), &status, 0);
  for (const auto& d : {at, work + "/work", work, upper + "/proc", upper}) rmdir(d.c_str());
  return WEXITSTATUS(status);
}
