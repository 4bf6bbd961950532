// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/sysctl.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "sys/dir.h"

namespace rkt::native {
namespace {

// Kept by the IPC namespace, besides everything below fs/mqueue/.
constexpr std::string_view kIpc[] = {"kernel/msgmax",      "kernel/msgmnb",          "kernel/msgmni",
                                     "kernel/sem",         "kernel/shmall",          "kernel/shmmax",
                                     "kernel/shmmni",      "kernel/shm_rmid_forced", "kernel/msg_next_id",
                                     "kernel/sem_next_id", "kernel/shm_next_id"};

// Everything below net/ that is not the host's alone is kept by the network namespace; what is, the kernel does not
// show there, or not for writing.
bool belongs_to_pod(std::string_view path, const PodNamespaces& own) {
  if (path.starts_with("net/")) return own.network;
  if (path.starts_with("fs/mqueue/") || std::ranges::find(kIpc, path) != std::end(kIpc)) return own.ipc;
  return path == "kernel/domainname";
}

void write_one(const DirFd& proc, const std::string& path, const std::string& value) {
  const UniqueFd fd = proc.open_in_root(cat("sys/", path), O_WRONLY);
  if (::write(fd.get(), value.data(), value.size()) < 0) throw Error::from_errno(cat("write ", quoted(value)));
}

}  // namespace

std::string sysctl_path(std::string_view name) {
  std::string out(name);
  const auto first = name.find_first_of("./");
  if (first != std::string_view::npos && name[first] == '.')
    for (char& c : out) c = c == '.' ? '/' : c == '/' ? '.' : c;
  for (const auto part : split(out, '/')) {
    const bool named = std::ranges::all_of(part, [](unsigned char c) { return c > ' ' && c < 0x7f; });
    if (part.empty() || part == "." || part == ".." || !named)
      throw Error(Errc::invalid, cat(quoted(name), " is no kernel parameter"));
  }
  return out;
}

void add_sysctls(const Sysctls& wanted, const PodNamespaces& own, Sysctls& out) {
  Sysctls paths;
  for (const auto& [name, value] : wanted) {
    paths.emplace_back(sysctl_path(name), value);
    if (!belongs_to_pod(paths.back().first, own))
      throw Error(Errc::unsupported, cat("isolator os/unix/sysctl: ", quoted(name), " would change the host"))
          .hint("set it on the host");
  }
  merge_sysctls(paths, out);
}

void merge_sysctls(const Sysctls& app, Sysctls& pod) {
  for (const auto& [path, value] : app) {
    const auto there = std::ranges::find(pod, path, &Sysctls::value_type::first);
    if (there == pod.end())
      pod.emplace_back(path, value);
    else if (there->second != value)
      throw Error(Errc::invalid, cat("isolator os/unix/sysctl: ", quoted(path), " is to be ", quoted(there->second),
                                     " and ", quoted(value)));
  }
}

void apply_sysctls(int proc, const Sysctls& sysctls, Sysctls* denied) {
  if (sysctls.empty()) return;
  const DirFd dir(dup_fd(proc));
  for (const auto& [path, value] : sysctls) {
    try {
      in_context([&] { return cat("set kernel parameter ", quoted(path)); }, [&] { write_one(dir, path, value); });
    } catch (const Error& e) {
      if (denied == nullptr || (e.sys_errno() != EACCES && e.sys_errno() != EPERM)) throw;
      denied->emplace_back(path, value);
    }
  }
}

}  // namespace rkt::native
