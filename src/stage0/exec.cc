// SPDX-License-Identifier: Apache-2.0
#include "stage0/exec.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "sys/exec.h"
#include "sys/fd_path.h"

namespace rkt::stage0 {
namespace {

std::optional<std::string_view> value_of(const std::vector<std::string>& environment, std::string_view name) {
  for (const auto& v : environment)
    if (v.size() > name.size() && v.starts_with(name) && v[name.size()] == '=')
      return std::string_view(v).substr(name.size() + 1);
  return std::nullopt;
}

void pass(std::vector<std::string>& out, const std::vector<std::string>& environment, std::string_view name) {
  if (const auto value = value_of(environment, name)) out.push_back(cat(name, "=", *value));
}

}  // namespace

std::vector<std::string> own_environment() {
  std::vector<std::string> out;
  for (char** v = environ; v != nullptr && *v != nullptr; ++v) out.emplace_back(*v);
  return out;
}

std::vector<std::string> plain_environment(const std::vector<std::string>& environment) {
  std::vector<std::string> out;
  for (const auto* name : {"PATH", "TERM", "LANG"}) pass(out, environment, name);
  for (const auto& v : environment)
    if (v.starts_with("LC_")) out.push_back(v);
  return out;
}

int listen_fds(const std::vector<std::string>& environment, int pid) {
  constexpr int kMost = 1024;
  const auto for_pid = parse_int<int>(value_of(environment, "LISTEN_PID").value_or(""));
  const auto count = parse_int<int>(value_of(environment, "LISTEN_FDS").value_or(""));
  if (!for_pid || *for_pid != pid || !count || *count < 0 || *count > kMost) return 0;
  return *count;
}

// What rkt opens itself is close-on-exec from birth; what crossed its own exec cannot be.
void check_passed(int count) {
  for (int fd = 3; fd < 3 + count; ++fd)
    if (const int flags = ::fcntl(fd, F_GETFD); flags < 0 || (flags & FD_CLOEXEC) != 0)
      throw Error(Errc::usage, cat("LISTEN_FDS=", count, " is set, but descriptor ", fd, " is not open"));
}

std::vector<std::string> run_environment(const std::vector<std::string>& environment, int pid, int lock_fd,
                                         const SelinuxContexts& contexts) {
  auto out = plain_environment(environment);
  pass(out, environment, "NOTIFY_SOCKET");
  pass(out, environment, "RKT_HYPERVISOR_EXTRA_KERNEL_PARAMS");
  if (listen_fds(environment, pid) > 0)
    for (const auto* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) pass(out, environment, name);
  out.push_back(cat("RKT_LOCK_FD=", lock_fd));
  out.push_back(cat("RKT_SELINUX_CONTEXT=", contexts.process));
  out.push_back(cat("RKT_SELINUX_MOUNT_CONTEXT=", contexts.files));
  return out;
}

std::string program_path(const DirFd& root, const std::string& entrypoint) {
  const UniqueFd fd = root.open_in_root(entrypoint, O_PATH);
  struct stat st{};
  if (::fstat(fd.get(), &st) < 0) throw Error::from_errno(cat("stat ", quoted(entrypoint)));
  if (!S_ISREG(st.st_mode)) throw Error(Errc::invalid, cat("entrypoint ", quoted(entrypoint), " is no file"));
  return path_of_fd(fd.get(), cat("find the path of ", quoted(entrypoint)));
}

[[noreturn]] void exec_program(const Program& program) {
  const ExecStrings argv(program.argv), env(program.env);
  if (log::debug_on()) log::debug("stage0", cat("Execing [", join(program.argv, " "), "]"));
  for (const int ignored : {SIGPIPE, SIGXFSZ}) ::signal(ignored, SIG_DFL);  // by main
  if (::close_range(3 + static_cast<unsigned>(program.listen_fds), ~0U, CLOSE_RANGE_CLOEXEC) < 0)
    throw Error::from_errno("close descriptors");
  for (const int fd : program.passed_fds) keep_across_exec(fd);
  if (program.exe) {
    ::execveat(program.exe.get(), "", argv.get(), env.get(), AT_EMPTY_PATH);
    // What a script's interpreter would be told to open is closed by then.
    if (errno != ENOENT) throw Error::from_errno(cat("execute ", quoted(program.path)));
  }
  ::execve(program.path.c_str(), argv.get(), env.get());
  throw Error::from_errno(cat("execute ", quoted(program.path)));
}

}  // namespace rkt::stage0
