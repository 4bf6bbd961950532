// SPDX-License-Identifier: Apache-2.0
// Starting another program: the parent prepares everything, the child (spawn_child.cc) only makes system calls. For
// worker processes, stage1 entry points that are not exec'ed in place, and CNI plugins.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "sys/fd.h"

namespace rkt {

/// What a child gets. Descriptors that are not named here do not cross (close_range before exec).
struct SpawnOptions {
  std::string exe;                  ///< path, or empty when exe_fd is used
  int exe_fd = -1;                  ///< borrowed; executed with execveat(AT_EMPTY_PATH)
  std::vector<std::string> argv;    ///< argv[0] included
  std::vector<std::string> env;     ///< K=V, complete
  int in = -1, out = -1, err = -1;  ///< borrowed; -1: /dev/null for in, inherited for out and err
  std::vector<int> fds;             ///< borrowed; appear in the child as 3, 4, … in this order
  int cwd_fd = -1;                  ///< borrowed; -1: unchanged
  bool die_with_parent = true;      ///< PR_SET_PDEATHSIG SIGKILL
  bool new_session = false;         ///< setsid
};

/// How a process ended.
struct ExitStatus {
  int code = 0;    ///< exit code when signal == 0
  int signal = 0;  ///< terminating signal, or 0
  bool ok() const noexcept { return code == 0 && signal == 0; }
  int shell() const noexcept { return signal != 0 ? 128 + signal : code; }  ///< 128+n for a signal
  static ExitStatus from_wait(int wstatus) noexcept;
  static ExitStatus from_siginfo(const siginfo_t& info) noexcept;  ///< of waitid()
};

/// A running child: pid and pidfd. The destructor kills and reaps; wait() reaps; detach() leaves it alone.
class Child {
 public:
  static Child spawn(const SpawnOptions& options);  ///< throws when set-up or exec failed (the step is named)
  Child(Child&&) noexcept;
  Child& operator=(Child&&) noexcept;
  ~Child();
  pid_t pid() const noexcept { return pid_; }
  int pidfd() const noexcept { return pidfd_.get(); }
  ExitStatus wait();
  void kill(int signal) noexcept;
  void detach() noexcept;

 private:
  Child(pid_t pid, UniqueFd pidfd) noexcept : pid_(pid), pidfd_(std::move(pidfd)) {}
  pid_t pid_ = -1;
  UniqueFd pidfd_;
};

/// The path of one of the distribution's programs, wherever PATH leads.
std::optional<std::string> find_tool(std::string_view name);

/// `value` of each name that is set in this process, as K=V. The clean environment of workers, plugins and stage1.
std::vector<std::string> pick_env(std::initializer_list<const char*> names);

/// Runs to the end with /dev/null as input and returns what it wrote to stdout (at most `limit` bytes). Throws when it
/// fails.
std::string run_for_output(SpawnOptions options, std::size_t limit = std::size_t{1} << 20);

}  // namespace rkt
