// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/running.h"

#include "base/error.h"
#include "base/strings.h"
#include "sys/file.h"
#include "sys/lock.h"
#include "sys/ns.h"

namespace rkt::native {
namespace {

Error gone() { return Error(Errc::not_found, "the pod is not running"); }

UniqueFd open_process(pid_t pid) {
  auto fd = open_pidfd(pid);
  if (!fd) throw gone();
  return std::move(*fd);
}

pid_t parent_of(pid_t pid) {
  const auto proc = DirFd::find(cat("/proc/", pid));
  const std::string stat = proc ? read_file(*proc, "stat", 4096) : throw gone();
  // "PID (NAME) S PPID": the name may hold anything, so the last parenthesis counts.
  const auto fields = split(std::string_view(stat).substr(stat.rfind(')') + 1), ' ');
  const auto parent = fields.size() > 2 ? parse_int<pid_t>(fields[2]) : std::nullopt;
  if (!parent || *parent < 1) throw gone();
  return *parent;
}

// A process's numbers in the pid namespaces that it is in, the host's first.
std::vector<pid_t> pid_numbers(pid_t host_pid) {
  std::vector<pid_t> out;
  const auto proc = DirFd::find(cat("/proc/", host_pid));
  const auto status = proc ? find_file_text(*proc, "status", 65536) : std::nullopt;
  if (!status) return out;
  for (const auto line : split(*status, '\n')) {
    if (!line.starts_with("NSpid:")) continue;
    for (const auto word : split(trim(line.substr(6)), '\t')) out.push_back(parse_int<pid_t>(word).value_or(0));
  }
  return out;
}

// Its number in the namespace that is `depth` deep, the host's being 1; 0: none.
pid_t number_at(std::size_t depth, pid_t host_pid) {
  const auto numbers = pid_numbers(host_pid);
  return depth == 0 || numbers.size() < depth ? 0 : numbers[depth - 1];
}

}  // namespace

pid_t read_init_pid(const DirFd& pod) {
  const auto text = find_file_text(pod, "pid", 64);
  if (!text && is_locked(pod)) throw Error(Errc::busy, "the pod is still starting, try again");
  if (!text) throw gone();
  const auto pid = parse_int<pid_t>(trim(*text));
  if (!pid || *pid <= 1) throw Error(Errc::invalid, "the pod's file \"pid\" holds no process ID");
  return *pid;
}

RunningPod RunningPod::find(const DirFd& pod, pid_t init) {
  RunningPod out;
  out.init = open_process(init);
  const pid_t parent = parent_of(init);
  out.outer = open_process(parent);
  if (!is_locked(pod) || parent_of(init) != parent) throw gone();
  return out;
}

pid_t pid_in_pod(pid_t init, pid_t host_pid) { return number_at(pid_numbers(init).size(), host_pid); }

// Apps that were there from the start are init's children, those of a mutable pod outer's.
std::optional<HostProcess> find_in_pod(pid_t init, pid_t pid) {
  const std::size_t depth = pid_numbers(init).size();
  const auto matches = [&](pid_t host) { return pid > 0 && number_at(depth, host) == pid; };
  for (const pid_t parent : {init, parent_of(init)}) {
    const auto task = DirFd::find(cat("/proc/", parent, "/task/", parent));
    if (!task) continue;
    for (const pid_t host : children_of(*task)) {
      if (!matches(host)) continue;
      auto fd = open_pidfd(host);
      // Looked at once more: the number may have changed hands before it was opened.
      if (fd && matches(host)) return HostProcess{.pid = host, .fd = std::move(*fd)};
    }
  }
  return std::nullopt;
}

// An app may have as many below pid 1 as there are numbers: 2^22, of eight bytes each with the blank.
std::vector<pid_t> children_of(const DirFd& task) {
  std::vector<pid_t> out;
  const auto text = find_file_text(task, "children", std::size_t{32} << 20);
  if (!text) return out;
  for (const auto word : split(*text, ' '))
    if (const auto pid = parse_int<pid_t>(word)) out.push_back(*pid);
  return out;
}

std::vector<pid_t> own_children() {
  const auto task = DirFd::find("/proc/thread-self");
  return task ? children_of(*task) : std::vector<pid_t>();
}

}  // namespace rkt::native
