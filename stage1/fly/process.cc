// SPDX-License-Identifier: Apache-2.0
#include "stage1/fly/process.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "sys/file.h"
#include "sys/ns.h"

namespace rkt::fly {
namespace {

constexpr const char* kFile = "stage1-fly.process";

std::string proc(pid_t pid, std::string_view what) { return cat("/proc/", pid, "/", what); }

// nullopt: no such process.
std::optional<std::uint64_t> start_time_of(pid_t pid) {
  const auto dir = DirFd::find(cat("/proc/", pid));
  if (!dir) return std::nullopt;
  try {
    const auto text = find_file_text(*dir, "stat", 4096);
    return text ? start_time(*text) : std::nullopt;
  } catch (const Error& e) {
    if (e.sys_errno() == ESRCH) return std::nullopt;
    throw;
  }
}

// One that has ended, but was not reaped, has neither.
bool is_member(pid_t pid, const AppProcess& app) {
  struct stat mounts{}, root{};
  if (::stat(proc(pid, "ns/mnt").c_str(), &mounts) < 0 || ::stat(proc(pid, "root").c_str(), &root) < 0) return false;
  return mounts.st_ino == app.mounts && root.st_dev == app.root_dev && root.st_ino == app.root_inode;
}

}  // namespace

std::optional<std::uint64_t> start_time(std::string_view stat) {
  constexpr std::size_t kField = 19;  // the 22nd of all: the name, which may hold anything, ends with the last ")"
  const auto name_end = stat.rfind(") ");
  if (name_end == std::string_view::npos) return std::nullopt;
  const auto fields = split(stat.substr(name_end + 2), ' ');
  return fields.size() > kField ? parse_int<std::uint64_t>(fields[kField]) : std::nullopt;
}

AppProcess own_process(const DirFd& root) {
  const pid_t pid = ::getpid();
  const auto started = start_time_of(pid);
  struct stat mounts{}, top{};
  if (!started || ::stat(proc(pid, "ns/mnt").c_str(), &mounts) < 0) throw Error::from_errno("look at this process");
  if (::fstat(root.get(), &top) < 0) throw Error::from_errno("stat the app's root");
  return {.pid = pid, .started = *started, .mounts = mounts.st_ino, .root_dev = top.st_dev, .root_inode = top.st_ino};
}

void save_process(const DirFd& pod, const AppProcess& app) {
  AtomicFile file(pod, kFile, 0644);
  write_all(file.fd(), cat(app.pid, " ", app.started, " ", app.mounts, " ", app.root_dev, " ", app.root_inode, "\n"),
            kFile);
  file.commit(AtomicFile::Sync::no);
}

AppProcess load_process(const DirFd& pod) {
  const std::string text = read_file(pod, kFile, 256);
  const auto fields = split(trim(text), ' ');
  const auto number = [&](std::size_t i) -> std::uint64_t {
    const auto n = i < fields.size() ? parse_int<std::uint64_t>(fields[i]) : std::nullopt;
    if (!n) throw Error(Errc::invalid, cat("the pod's file ", quoted(kFile), " is malformed"));
    return *n;
  };
  return {.pid = static_cast<pid_t>(number(0)),
          .started = number(1),
          .mounts = number(2),
          .root_dev = number(3),
          .root_inode = number(4)};
}

std::optional<UniqueFd> open_app(const AppProcess& app) {
  auto process = open_pidfd(app.pid);
  if (!process || start_time_of(app.pid) != app.started) return std::nullopt;
  return process;
}

std::vector<UniqueFd> open_members(const AppProcess& app) {
  std::vector<UniqueFd> out;
  for (const auto& name : DirFd::open("/proc").names()) {
    const auto pid = parse_int<pid_t>(name);
    if (!pid || !is_member(*pid, app)) continue;
    auto process = open_pidfd(*pid);
    if (process && is_member(*pid, app)) out.push_back(std::move(*process));  // the descriptor was opened before
  }
  return out;
}

bool send_signal(const UniqueFd& process, int signal) {
  if (::syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0) == 0) return true;
  if (errno == ESRCH) return false;
  throw Error::from_errno("signal a process of the pod");
}

}  // namespace rkt::fly
