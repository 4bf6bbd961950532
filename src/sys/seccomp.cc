// SPDX-License-Identifier: Apache-2.0
#include "sys/seccomp.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/syscall.h>

#include <cstddef>
#include <cstdint>
#include <map>

#include "base/error.h"
#include "base/strings.h"

namespace rkt {
namespace {

constexpr std::uint32_t kNewNamespaces =
    CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP;
constexpr std::uint32_t kCheckClone = 1;  // not a seccomp answer: look at clone's flags
constexpr std::uint32_t kNoSuchCall = SECCOMP_RET_ERRNO | ENOSYS;
constexpr std::uint32_t kX32 = 0x40000000;  // x86-64 calls with this bit are those of the x32 ABI

// `young`: the first number that was given out after 2018 (after rseq, Linux 4.18).
struct Arch {
  std::uint32_t audit, libseccomp, young;
};
#if defined(__x86_64__)
constexpr Arch kArches[] = {{AUDIT_ARCH_X86_64, SCMP_ARCH_X86_64, 335}, {AUDIT_ARCH_I386, SCMP_ARCH_X86, 387}};
#elif defined(__aarch64__)
constexpr Arch kArches[] = {{AUDIT_ARCH_AARCH64, SCMP_ARCH_AARCH64, 294}, {AUDIT_ARCH_ARM, SCMP_ARCH_ARM, 399}};
#else
#error "no seccomp table for this architecture"
#endif

using Code = std::vector<sock_filter>;
// First number of a range -> the answer up to the next range.
using Ranges = std::map<std::uint32_t, std::uint32_t>;

sock_filter statement(std::uint16_t code, std::uint32_t k) { return {.code = code, .jt = 0, .jf = 0, .k = k}; }
sock_filter answer(std::uint32_t k) { return statement(BPF_RET | BPF_K, k); }

// The number of a name on one architecture; nullopt: none there. libseccomp gives negative ones to names of others.
std::optional<std::uint32_t> number_of(const Arch& arch, const std::string& name) {
  const int n = ::seccomp_syscall_resolve_name_arch(arch.libseccomp, name.c_str());
  if (n < 0) return std::nullopt;
  return static_cast<std::uint32_t>(n);
}

Ranges plan_ranges(const Arch& arch, const SeccompRules& rules) {
  const bool allow_only = rules.mode == SeccompRules::Mode::allow_only;
  const std::uint32_t refusal =
      rules.err == 0 ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(rules.err);
  std::map<std::uint32_t, std::uint32_t> single;
  for (const auto& name : rules.names)
    if (const auto n = number_of(arch, name)) single[*n] = allow_only ? SECCOMP_RET_ALLOW : refusal;
  if (rules.refuse_new_namespaces) {
    const auto clone = number_of(arch, "clone");
    if (clone && (!allow_only || single.contains(*clone))) single.try_emplace(*clone, 0).first->second = kCheckClone;
    if (const auto clone3 = number_of(arch, "clone3")) single[*clone3] = kNoSuchCall;
  }
  const auto otherwise = [&](std::uint32_t n) -> std::uint32_t {
    if (n >= kX32) return kNoSuchCall;  // also keeps x32 from passing by a list of refused calls
    if (!allow_only) return SECCOMP_RET_ALLOW;
    return n >= arch.young ? kNoSuchCall : refusal;
  };
  Ranges out = {{0, otherwise(0)}, {arch.young, otherwise(arch.young)}, {kX32, otherwise(kX32)}};
  for (const auto& [n, what] : single) {
    out[n] = what;
    if (!single.contains(n + 1)) out[n + 1] = otherwise(n + 1);
  }
  std::erase_if(out, [last = std::uint32_t{0}, first = true](const auto& r) mutable {
    const bool same = !first && r.second == last;
    first = false;
    last = r.second;
    return same;
  });
  return out;
}

Code leaf(std::uint32_t what) {
  if (what != kCheckClone) return {answer(what)};
  // The flags are clone's first argument; its low half comes first on little-endian machines.
  return {statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[0])),
          sock_filter{.code = BPF_JMP | BPF_JSET | BPF_K, .jt = 0, .jf = 1, .k = kNewNamespaces},
          answer(SECCOMP_RET_ERRNO | EPERM), answer(SECCOMP_RET_ALLOW)};
}

// The number is in the accumulator; `begin`..`end` are the ranges it can be in.
Code search(Ranges::const_iterator begin, std::size_t count) {
  if (count == 1) return leaf(begin->second);
  const auto middle = std::next(begin, static_cast<std::ptrdiff_t>(count / 2));
  const Code below = search(begin, count / 2);
  const Code above = search(middle, count - count / 2);
  Code out;
  if (below.size() <= 255) {
    out.push_back({.code = BPF_JMP | BPF_JGE | BPF_K,
                   .jt = static_cast<std::uint8_t>(below.size()),
                   .jf = 0,
                   .k = middle->first});
  } else {  // conditional jumps reach 255 instructions
    out.push_back({.code = BPF_JMP | BPF_JGE | BPF_K, .jt = 0, .jf = 1, .k = middle->first});
    out.push_back(statement(BPF_JMP | BPF_JA, static_cast<std::uint32_t>(below.size())));
  }
  out.insert(out.end(), below.begin(), below.end());
  out.insert(out.end(), above.begin(), above.end());
  return out;
}

}  // namespace

std::vector<sock_filter> make_seccomp_program(const SeccompRules& rules) {
  Code out = {statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch))};
  for (const Arch& arch : kArches) {
    const Ranges ranges = plan_ranges(arch, rules);
    Code part = {statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
    const Code tree = search(ranges.begin(), ranges.size());
    part.insert(part.end(), tree.begin(), tree.end());
    out.push_back({.code = BPF_JMP | BPF_JEQ | BPF_K, .jt = 1, .jf = 0, .k = arch.audit});
    out.push_back(statement(BPF_JMP | BPF_JA, static_cast<std::uint32_t>(part.size())));
    out.insert(out.end(), part.begin(), part.end());
  }
  out.push_back(answer(SECCOMP_RET_KILL_PROCESS));
  if (out.size() > BPF_MAXINSNS) throw Error(Errc::invalid, cat("seccomp program of ", out.size(), " instructions"));
  return out;
}

// Little-endian: the low half of an argument comes first. Whatever does not fit jumps behind the table.
std::vector<sock_filter> with_permit(const std::vector<sock_filter>& program, std::uint64_t permit) {
  constexpr std::uint16_t kLoad = BPF_LD | BPF_W | BPF_ABS, kEqual = BPF_JMP | BPF_JEQ | BPF_K;
  constexpr std::uint32_t kThird = offsetof(seccomp_data, args) + 2 * sizeof(std::uint64_t);
  const auto low = static_cast<std::uint32_t>(permit), high = static_cast<std::uint32_t>(permit >> 32);
  Code out = {
      statement(kLoad, offsetof(seccomp_data, arch)),
      {.code = kEqual, .jt = 0, .jf = 11, .k = kArches[0].audit},
      statement(kLoad, offsetof(seccomp_data, nr)),
      {.code = kEqual, .jt = 4, .jf = 0, .k = SYS_capset},
      {.code = kEqual, .jt = 3, .jf = 0, .k = SYS_clone},
      {.code = kEqual, .jt = 2, .jf = 0, .k = SYS_setsid},
      {.code = kEqual, .jt = 1, .jf = 0, .k = SYS_getpid},
      {.code = kEqual, .jt = 0, .jf = 5, .k = SYS_ioctl},
      statement(kLoad, kThird),
      {.code = kEqual, .jt = 0, .jf = 3, .k = low},
      statement(kLoad, kThird + sizeof low),
      {.code = kEqual, .jt = 0, .jf = 1, .k = high},
      answer(SECCOMP_RET_ALLOW),
  };
  out.insert(out.end(), program.begin(), program.end());
  return out;
}

std::optional<int> parse_errno(std::string_view name) {
  constexpr int kLast = 133;  // EHWPOISON
  for (int e = 1; e <= kLast; ++e) {
    const char* n = ::strerrorname_np(e);
    if (n != nullptr && name == n) return e;
  }
  return std::nullopt;
}

}  // namespace rkt
