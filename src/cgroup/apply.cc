// SPDX-License-Identifier: Apache-2.0
#include "cgroup/apply.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "base/error.h"
#include "base/scope.h"
#include "base/strings.h"
#include "cgroup/limits.h"
#include "sys/descent.h"
#include "sys/file.h"

namespace rkt::cgroup {
namespace {

using Clock = std::chrono::steady_clock;

int left_ms(Clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::max<std::int64_t>(left, 0));
}

void fill_cpuset(const DirFd& parent, const DirFd& dir) {
  for (const char* file : {"cpuset.cpus", "cpuset.mems"}) {
    const auto have = find_file_text(dir, file);
    const auto from = find_file_text(parent, file);
    if (!have || !from || !trim(*have).empty()) continue;
    if (const int err = try_write(dir, file, trim(*from)); err != 0)
      throw Error::from_errno(cat("write ", quoted(file)), err);
  }
}

// Of a cgroup with thousands of processes: the table of descriptors is shared with everything else.
constexpr std::size_t kAtOnce = 64;

// Some of what is inside right now, as descriptors that cannot come to mean another process.
std::vector<UniqueFd> open_processes(const DirFd& dir) {
  std::vector<std::pair<pid_t, UniqueFd>> opened;
  for (const pid_t pid : processes(dir)) {
    if (pid == ::getpid()) continue;
    if (opened.size() == kAtOnce) break;
    UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (fd) opened.emplace_back(pid, std::move(fd));
  }
  // A number may have been given to another process between the two calls above; one that is still listed was not.
  const auto still = processes(dir);
  std::vector<UniqueFd> out;
  for (auto& [pid, fd] : opened)
    if (std::ranges::find(still, pid) != still.end()) out.push_back(std::move(fd));
  return out;
}

void wait_for_exit(const std::vector<UniqueFd>& pidfds, Clock::time_point deadline) {
  for (const auto& fd : pidfds) {
    pollfd p{fd.get(), POLLIN, 0};
    while (::poll(&p, 1, left_ms(deadline)) < 0 && errno == EINTR) {
    }
  }
}

// Calls `visit` for each cgroup below `top`, deepest first, and for `top`, while it says true. An app that may mount
// can nest cgroups as deep as it likes.
template <class F>
bool visit_groups(const DirFd& top, F&& visit) {
  for (Descent place(top.clone(), &children);;) {
    if (const auto name = place.next()) {
      if (auto dir = place.at().find_sub(*name)) place.down(*name, std::move(*dir));
      continue;
    }
    if (!visit(place.at())) return false;
    if (place.at_top()) return true;
    place.up();
  }
}

bool kill_directly_in(const DirFd& dir, Clock::time_point deadline) {
  for (;;) {
    const auto pidfds = open_processes(dir);
    if (pidfds.empty()) return true;
    if (Clock::now() >= deadline) return false;
    for (const auto& fd : pidfds) ::syscall(SYS_pidfd_send_signal, fd.get(), SIGKILL, nullptr, 0);
    wait_for_exit(pidfds, deadline);
  }
}

// Without cgroup.kill: v1, and v2 before Linux 5.14.
void kill_by_pid(const DirFd& top, Clock::time_point deadline) {
  visit_groups(top, [&](const DirFd& dir) { return kill_directly_in(dir, deadline); });
}

bool says_populated(const UniqueFd& events) {
  char buf[256];
  const ssize_t n = ::pread(events.get(), buf, sizeof buf, 0);
  return n > 0 && std::string_view(buf, static_cast<std::size_t>(n)).find("populated 1") != std::string_view::npos;
}

bool wait_directly_in(const DirFd& dir, Clock::time_point deadline) {
  for (;;) {
    const auto inside = processes(dir);
    if (inside.empty()) return true;
    const bool only_me = inside.size() == 1 && inside.front() == ::getpid();
    if (only_me || Clock::now() >= deadline) return false;
    wait_for_exit(open_processes(dir), deadline);
  }
}

// True: empty. A v2 cgroup tells by an event; of a v1 one the processes are watched.
bool wait_empty(const DirFd& dir, bool v2, Clock::time_point deadline) {
  if (const auto events = v2 ? dir.find_file("cgroup.events") : std::nullopt) {
    while (says_populated(*events)) {
      pollfd p{events->get(), POLLPRI, 0};
      if (::poll(&p, 1, left_ms(deadline)) == 0) return false;
    }
    return true;
  }
  return visit_groups(dir, [&](const DirFd& group) { return wait_directly_in(group, deadline); });
}

bool try_rmdir(const DirFd& parent, const std::string& name) {
  if (::unlinkat(parent.get(), name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return true;
  if (errno == EBUSY || errno == ENOTEMPTY) return false;
  throw Error::from_errno(cat("remove cgroup ", quoted(name)));
}

void remove_below(const DirFd& parent, const std::string& name, bool v2, Clock::time_point deadline) {
  if (try_rmdir(parent, name)) return;
  Descent place(parent.clone(), &children);
  const auto enter = [&](const std::string& group) {
    if (auto dir = place.at().find_sub(group)) place.down(group, std::move(*dir));
  };
  enter(name);
  while (!place.at_top()) {
    if (const auto child = place.next()) {
      if (!try_rmdir(place.at(), *child)) enter(*child);
      continue;
    }
    const std::string left = place.up();
    if (try_rmdir(place.at(), left)) continue;
    auto dir = place.at().find_sub(left);
    if (!dir) continue;
    if (!wait_empty(*dir, v2, deadline) || Clock::now() >= deadline)
      throw Error(Errc::busy, cat("remove cgroup ", quoted(left), ": there are processes in it"));
    place.down(left, std::move(*dir));  // somebody who has ended now may have made others below
  }
}

}  // namespace

int try_write(const DirFd& dir, const std::string& file, std::string_view value) {
  return Writer(dir).write(file, value);
}

int Writer::write(const std::string& file, std::string_view value) {
  if (!fd_ || file != file_) {
    fd_.reset(::openat(dir_.get(), file.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!fd_) return errno;
    file_ = file;
  }
  for (;;) {
    if (::pwrite(fd_.get(), value.data(), value.size(), 0) >= 0) return 0;
    if (errno != EINTR) return errno;
  }
}

DirFd make_group(const DirFd& parent, const std::string& name, const Hierarchy& hierarchy) {
  DirFd dir = parent.make_sub(name, 0755);
  if (hierarchy.has("cpuset")) fill_cpuset(parent, dir);
  return dir;
}

DirFd make_new_group(const DirFd& top, const std::string& parent, const std::string& name, const Hierarchy& hierarchy) {
  const std::string path = cat(parent, "/", name);
  const auto make = [&](const std::string& what) {
    if (::mkdirat(top.get(), what.c_str(), 0755) == 0) return true;
    if (errno != EEXIST) throw Error::from_errno(cat("make cgroup ", quoted(what)));
    return false;
  };
  make(parent);
  if (hierarchy.has("cpuset")) fill_cpuset(top, top.sub(parent));
  if (!make(path)) {
    remove_group(top.sub(parent), name, hierarchy.v2);
    make(path);
  }
  DirFd dir = top.sub(path);
  if (hierarchy.has("cpuset")) fill_cpuset(top.sub(parent), dir);
  return dir;
}

std::vector<std::string> enable_controllers(const DirFd& dir, const std::vector<std::string>& controllers) {
  if (controllers.empty()) return {};
  const std::string text = find_file_text(dir, "cgroup.subtree_control").value_or("");
  const auto have = split(trim(text), ' ');
  std::vector<std::string> failed;
  // One write each: a write of several is refused as a whole when one of them is.
  for (const auto& c : controllers)
    if (std::ranges::find(have, c) == have.end() && try_write(dir, "cgroup.subtree_control", cat("+", c)) != 0)
      failed.push_back(c);
  return failed;
}

void disable_controllers(const DirFd& dir, const std::vector<std::string>& controllers) {
  for (const auto& c : controllers) (void)try_write(dir, "cgroup.subtree_control", cat("-", c));
}

std::vector<pid_t> listed_processes(const DirFd& dir) {
  std::vector<pid_t> out;
  const UniqueFd fd(::openat(dir.get(), "cgroup.procs", O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd && (errno == ENOENT || errno == ENODEV)) return out;  // the cgroup is gone: only then nobody is inside
  if (!fd) throw Error::from_errno("list the processes of a cgroup");
  std::string text;
  try {
    text = read_all(fd.get(), "cgroup.procs", std::size_t{64} << 20);
  } catch (const Error& e) {
    if (e.sys_errno() != ENODEV) throw;  // removed since it was opened
  }
  for (const auto line : split(text, '\n'))
    if (const auto pid = parse_int<pid_t>(line); pid && *pid >= 0) out.push_back(*pid);
  return out;
}

std::vector<pid_t> processes(const DirFd& dir) {
  auto out = listed_processes(dir);
  std::erase(out, 0);
  return out;
}

std::vector<std::string> children(const DirFd& dir) {
  UniqueFd again(::openat(dir.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!again) {
    if (errno == ENOENT) return {};
    throw Error::from_errno("list a cgroup");
  }
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(again.get()), &::closedir);
  if (!stream) throw Error::from_errno("list a cgroup");
  again.release();  // closedir owns it now
  std::vector<std::string> out;
  while (const dirent* e = ::readdir(stream.get())) {
    const std::string_view name = e->d_name;
    if (e->d_type == DT_DIR && name != "." && name != "..") out.emplace_back(name);
  }
  return out;
}

void kill_group(const DirFd& dir, bool v2) {
  const auto deadline = Clock::now() + kDyingTime;
  if (!v2 || try_write(dir, "cgroup.kill", "1") != 0) kill_by_pid(dir, deadline);
  if (!wait_empty(dir, v2, deadline)) throw Error(Errc::busy, "kill a cgroup: processes do not die");
}

// Frozen, nobody in it makes new processes faster than they are killed.
void empty_group(const DirFd& dir, bool v2) {
  const auto deadline = Clock::now() + kEmptyingTime;
  if (wait_empty(dir, v2, Clock::now())) return;
  if (v2) (void)try_write(dir, "cgroup.freeze", "1");
  const ScopeExit thaw([&] {
    if (v2) (void)try_write(dir, "cgroup.freeze", "0");
  });
  kill_by_pid(dir, deadline);
  if (!wait_empty(dir, v2, deadline)) throw Error(Errc::busy, "empty a cgroup: processes do not die");
}

bool remove_if_empty(const DirFd& dir, const std::string& path) {
  return ::unlinkat(dir.get(), path.c_str(), AT_REMOVEDIR) == 0;
}

void remove_empty(const DirFd& dir, const std::vector<std::string>& paths) {
  for (const auto& path : paths) remove_if_empty(dir, path);
}

void remove_group(const DirFd& parent, const std::string& name, bool v2) {
  remove_below(parent, name, v2, Clock::now() + kDyingTime);
}

std::uint64_t oom_kills(const DirFd& dir, bool v2) {
  const auto text = find_file_text(dir, v2 ? "memory.events" : "memory.oom_control", 4096);
  return text ? flat_value(*text, "oom_kill") : 0;
}

}  // namespace rkt::cgroup
