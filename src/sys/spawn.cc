// SPDX-License-Identifier: Apache-2.0
#include "sys/spawn.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "sys/exec.h"
#include "sys/file.h"
#include "sys/spawn_child.h"

namespace rkt {
namespace {

// Copies of borrowed descriptors at numbers no target uses, so that the child can dup3 in any order.
class RaisedFds {
 public:
  explicit RaisedFds(int floor) : floor_(floor) {}
  int raise(int fd) {
    if (fd < 0) return -1;
    const int up = ::fcntl(fd, F_DUPFD_CLOEXEC, floor_);
    if (up < 0) throw Error::from_errno("duplicate a descriptor for a child");
    held_.emplace_back(up);
    return up;
  }

 private:
  int floor_;
  std::vector<UniqueFd> held_;
};

const char* step_name(SpawnStep s) {
  switch (s) {
    case SpawnStep::descriptors:
      return "pass descriptors to";
    case SpawnStep::directory:
      return "change the directory for";
    case SpawnStep::session:
      return "make a session for";
    case SpawnStep::signals:
      return "reset signals for";
    case SpawnStep::exec:
      return "execute";
  }
  return "start";
}

}  // namespace

ExitStatus ExitStatus::from_wait(int wstatus) noexcept {
  if (WIFSIGNALED(wstatus)) return {.code = 0, .signal = WTERMSIG(wstatus)};
  return {.code = WEXITSTATUS(wstatus), .signal = 0};
}

ExitStatus ExitStatus::from_siginfo(const siginfo_t& info) noexcept {
  const bool exited = info.si_code == CLD_EXITED;
  return {.code = exited ? info.si_status : 0, .signal = exited ? 0 : info.si_status};
}

Child Child::spawn(const SpawnOptions& o) {
  const int count = 3 + static_cast<int>(o.fds.size());
  RaisedFds raised(count + 1);
  UniqueFd null;
  if (o.in < 0) {
    null.reset(::open("/dev/null", O_RDWR | O_CLOEXEC));
    if (!null) throw Error::from_errno("open \"/dev/null\"");
  }
  std::vector<int> fds = {raised.raise(o.in < 0 ? null.get() : o.in), raised.raise(o.out), raised.raise(o.err)};
  for (const int fd : o.fds) fds.push_back(raised.raise(fd));
  Pipe fault = Pipe::make();
  const ExecStrings argv(o.argv), envp(o.env);
  const SpawnPlan plan{.exe = o.exe_fd >= 0 ? nullptr : o.exe.c_str(),
                       .exe_fd = raised.raise(o.exe_fd),
                       .argv = argv.get(),
                       .envp = envp.get(),
                       .fds = fds.data(),
                       .fd_count = count,
                       .cwd_fd = raised.raise(o.cwd_fd),
                       .fault_fd = raised.raise(fault.write_end.get()),
                       .parent_pid = ::getpid(),
                       .die_with_parent = o.die_with_parent,
                       .new_session = o.new_session};
  int pidfd = -1;
  clone_args args{};
  args.flags = CLONE_PIDFD | CLONE_VFORK;
  args.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  const long pid = ::syscall(SYS_clone3, &args, sizeof args);
  if (pid < 0) throw Error::from_errno(cat("start ", quoted(o.argv.at(0))));
  if (pid == 0) spawn_child(plan);
  Child child(static_cast<pid_t>(pid), UniqueFd(pidfd));
  fault.write_end.reset();
  // The raised copy of the write end is closed with `raised`; read after that would hang, so poll what is there: with
  // CLONE_VFORK the child has exec'ed or exited by now and its record, if any, is in the pipe.
  pollfd p{fault.read_end.get(), POLLIN, 0};
  SpawnFault f{};
  if (::poll(&p, 1, 0) == 1 && (p.revents & POLLIN) != 0 && ::read(fault.read_end.get(), &f, sizeof f) == sizeof f) {
    child.wait();
    const std::string what = o.exe.empty() ? o.argv.at(0) : o.exe;
    throw Error::from_errno(cat(step_name(f.step), " ", quoted(what)), f.err);
  }
  return child;
}

Child::Child(Child&& o) noexcept : pid_(std::exchange(o.pid_, -1)), pidfd_(std::move(o.pidfd_)) {}

Child& Child::operator=(Child&& o) noexcept {
  std::swap(pid_, o.pid_);
  std::swap(pidfd_, o.pidfd_);
  return *this;
}

Child::~Child() {
  if (pid_ < 0) return;
  kill(SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

ExitStatus Child::wait() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0)
    if (errno != EINTR) throw Error::from_errno("wait for a child");
  pid_ = -1;
  return ExitStatus::from_wait(status);
}

void Child::kill(int signal) noexcept {
  if (pid_ >= 0) ::syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, nullptr, 0);
}

void Child::detach() noexcept { pid_ = -1; }

std::optional<std::string> find_tool(std::string_view name) {
  for (const char* dir : {"/usr/bin/", "/bin/", "/usr/local/bin/"})
    if (std::string path = cat(dir, name); ::access(path.c_str(), X_OK) == 0) return path;
  return std::nullopt;
}

std::vector<std::string> pick_env(std::initializer_list<const char*> names) {
  std::vector<std::string> out;
  for (const char* name : names)
    if (const auto value = env(name)) out.push_back(cat(name, "=", *value));
  return out;
}

std::string run_for_output(SpawnOptions options, std::size_t limit) {
  Pipe out = Pipe::make();
  options.out = out.write_end.get();
  const std::string what = options.argv.at(0);
  Child child = Child::spawn(options);
  out.write_end.reset();
  std::string text = read_all(out.read_end.get(), what, limit);
  const ExitStatus status = child.wait();
  if (!status.ok()) throw Error(Errc::system, cat(quoted(what), " ended with status ", status.shell()));
  return text;
}

}  // namespace rkt
