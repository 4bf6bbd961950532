// SPDX-License-Identifier: Apache-2.0
// The default policy: allowed calls pass; those that the reference's default kills for, kill; every other call, first
// of all those newer than the list, returns ENOSYS, so that libraries fall back. clone may not make namespaces; clone3,
// whose arguments a filter cannot see, returns ENOSYS, and libraries use clone.
#include "stage1/native/seccomp.h"

#include <sched.h>
#include <seccomp.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <span>

#include "base/error.h"
#include "base/strings.h"
#include "stage1/native/syscalls.h"
#include "sys/file.h"

namespace rkt::native {
namespace {

using Filter = std::unique_ptr<void, decltype(&::seccomp_release)>;

Filter make_filter(std::uint32_t default_action) {
  Filter f(::seccomp_init(default_action), &::seccomp_release);
  if (!f) throw Error(Errc::system, "make a system call filter");
  ::seccomp_attr_set(f.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  ::seccomp_attr_set(f.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);  // a binary tree: few instructions a call
  return f;
}

// Names this architecture or library does not know have no number to filter, and are skipped.
void add_rule(const Filter& f, std::uint32_t action, std::string_view name) {
  const int number = ::seccomp_syscall_resolve_name(std::string(name).c_str());
  if (number < 0) return;
  const int r = ::seccomp_rule_add(f.get(), action, number, 0);
  if (r < 0 && r != -EEXIST) throw Error::from_errno(cat("filter system call ", name), -r);
}

std::vector<sock_filter> program(const Filter& f) {
  const UniqueFd out = memory_file("filter", "");
  if (const int r = ::seccomp_export_bpf(f.get(), out.get()); r < 0)
    throw Error::from_errno("make a system call filter", -r);
  if (::lseek(out.get(), 0, SEEK_SET) < 0) throw Error::from_errno("read a system call filter");
  const std::string bytes = read_all(out.get(), "filter");
  std::vector<sock_filter> p(bytes.size() / sizeof(sock_filter));
  std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(p.data()));
  return p;
}

constexpr std::uint32_t errno_action(unsigned e) { return SCMP_ACT_ERRNO(e); }

std::uint32_t refusal(const std::string& errno_name) {
  if (errno_name.empty()) return SCMP_ACT_KILL_PROCESS;
  struct Name {
    std::string_view name;
    unsigned value;
  };
  static constexpr Name kErrnos[] = {{"EPERM", EPERM},
                                     {"ENOENT", ENOENT},
                                     {"EINTR", EINTR},
                                     {"EIO", EIO},
                                     {"EAGAIN", EAGAIN},
                                     {"ENOMEM", ENOMEM},
                                     {"EACCES", EACCES},
                                     {"EFAULT", EFAULT},
                                     {"EBUSY", EBUSY},
                                     {"EEXIST", EEXIST},
                                     {"ENODEV", ENODEV},
                                     {"EINVAL", EINVAL},
                                     {"ENFILE", ENFILE},
                                     {"EMFILE", EMFILE},
                                     {"ENOSPC", ENOSPC},
                                     {"EROFS", EROFS},
                                     {"EPIPE", EPIPE},
                                     {"ENOSYS", ENOSYS},
                                     {"ENOTTY", ENOTTY},
                                     {"EDOM", EDOM},
                                     {"EOPNOTSUPP", EOPNOTSUPP},
                                     {"ENOTSUP", ENOTSUP},
                                     {"ECONNREFUSED", ECONNREFUSED},
                                     {"EAFNOSUPPORT", EAFNOSUPPORT}};
  for (const auto& e : kErrnos)
    if (e.name == errno_name) return errno_action(e.value);
  throw Error(Errc::invalid, cat("seccomp errno ", quoted(errno_name), " is unknown"));
}

std::vector<sock_filter> default_filter() {
  const Filter f = make_filter(errno_action(ENOSYS));
  for (const auto name : kDefaultAllowed)
    if (name != "clone") add_rule(f, SCMP_ACT_ALLOW, name);
  for (const auto name : kModernAllowed) add_rule(f, SCMP_ACT_ALLOW, name);
  for (const auto name : kDefaultDenied) add_rule(f, SCMP_ACT_KILL_PROCESS, name);
  constexpr std::uint64_t kNamespaces =
      CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
  const int r =
      ::seccomp_rule_add(f.get(), SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, kNamespaces, 0));
  if (r < 0) throw Error::from_errno("filter system call clone", -r);
  return program(f);
}

void append(std::vector<std::string>& to, std::span<const std::string_view> names) {
  to.insert(to.end(), names.begin(), names.end());
}

// true: a known wildcard, expanded into `to`.
bool expand_wildcard(const std::string& name, std::vector<std::string>& to) {
  if (name == "@docker/default-whitelist" || name == "@rkt/default-whitelist") {
    append(to, kDefaultAllowed);
    append(to, kModernAllowed);
    return true;
  }
  if (name == "@docker/default-blacklist" || name == "@rkt/default-blacklist") {
    append(to, kDefaultDenied);
    return true;
  }
  for (const auto& group : kSystemdGroups) {
    if (name != cat("@systemd/", group.name)) continue;
    for (const auto call : split(group.calls, ' ')) to.emplace_back(call);
    return true;
  }
  return false;
}

}  // namespace

SyscallPolicy expand_set(const std::optional<appc::SeccompSet>& set) {
  SyscallPolicy p;
  if (!set) {
    p.defaults = true;
    return p;
  }
  p.retain = set->mode == appc::SeccompSet::Mode::retain;
  p.errno_name = set->errno_name;
  for (const auto& name : set->names) {
    if (!name.starts_with('@')) {
      p.names.push_back(name);
    } else if (name == "@appc.io/all") {
      if (p.retain) {
        p.unfiltered = true;
        return p;
      }
      p.names.clear();  // refuse everything: what an empty retain set says
      p.retain = true;
      return p;
    } else if (name == "@appc.io/empty") {
      if (p.retain) continue;
      p = SyscallPolicy{};  // remove nothing: the default stays
      p.defaults = true;
      return p;
    } else if (!expand_wildcard(name, p.names)) {
      throw Error(Errc::invalid, cat("seccomp set ", quoted(name), " is unknown"));
    }
  }
  return p;
}

std::vector<sock_filter> build_filter(const SyscallPolicy& policy) {
  if (policy.unfiltered) return {};
  if (policy.defaults) return default_filter();
  const std::uint32_t refused = refusal(policy.errno_name);
  const Filter f = make_filter(policy.retain ? refused : SCMP_ACT_ALLOW);
  for (const auto& name : policy.names) {
    const bool essential = std::find(std::begin(kEssential), std::end(kEssential), name) != std::end(kEssential);
    if (policy.retain || !essential) add_rule(f, policy.retain ? SCMP_ACT_ALLOW : refused, name);
  }
  if (policy.retain)
    for (const auto name : kEssential) add_rule(f, SCMP_ACT_ALLOW, name);
  return program(f);
}

}  // namespace rkt::native
