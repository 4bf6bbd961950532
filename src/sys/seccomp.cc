// SPDX-License-Identifier: Apache-2.0
#include "sys/seccomp.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <utility>

#include "base/error.h"
#include "base/strings.h"

namespace rkt {
namespace {

constexpr std::uint32_t kNewNamespaces =
    CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP;
// Not answers of seccomp's: what else to look at.
constexpr std::uint32_t kCheckClone = 1;   // clone's flags
constexpr std::uint32_t kCheckFamily = 2;  // socket's family
constexpr std::uint32_t kSocketcall = 3;   // which of its calls is meant
constexpr std::uint32_t kIpc = 4;          // likewise
constexpr std::uint32_t kNoSuchCall = SECCOMP_RET_ERRNO | ENOSYS;
constexpr std::uint32_t kX32 = 0x40000000;  // x86-64 calls with this bit are those of the x32 ABI
// Numbers of x32's own, which nothing else will get: kernels before 5.4 take them without the bit, too.
constexpr std::uint32_t kX32First = 512, kX32End = 548;

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

// Calls of i386 that got a number of their own (4.3, 5.1) beside their place in socketcall or ipc.
struct Direct {
  int pseudo;  // what libseccomp gives for the name
  std::uint32_t number;
};
constexpr Direct kDirect[] = {
    {__PNR_recvmmsg, 337},   {__PNR_sendmmsg, 345},   {__PNR_socket, 359},      {__PNR_socketpair, 360},
    {__PNR_bind, 361},       {__PNR_connect, 362},    {__PNR_listen, 363},      {__PNR_accept4, 364},
    {__PNR_getsockopt, 365}, {__PNR_setsockopt, 366}, {__PNR_getsockname, 367}, {__PNR_getpeername, 368},
    {__PNR_sendto, 369},     {__PNR_sendmsg, 370},    {__PNR_recvfrom, 371},    {__PNR_recvmsg, 372},
    {__PNR_shutdown, 373},   {__PNR_semget, 393},     {__PNR_semctl, 394},      {__PNR_shmget, 395},
    {__PNR_shmctl, 396},     {__PNR_shmat, 397},      {__PNR_shmdt, 398},       {__PNR_msgget, 399},
    {__PNR_msgsnd, 400},     {__PNR_msgrcv, 401},     {__PNR_msgctl, 402},
};

using Code = std::vector<sock_filter>;
// First number of a range -> the answer up to the next range.
using Ranges = std::map<std::uint32_t, std::uint32_t>;

// On one architecture. The last two: by the call that the first argument names.
struct Answers {
  Ranges calls, socketcall, ipc;
};

sock_filter statement(std::uint16_t code, std::uint32_t k) { return {.code = code, .jt = 0, .jf = 0, .k = k}; }
sock_filter answer(std::uint32_t k) { return statement(BPF_RET | BPF_K, k); }

// How a call is made on one architecture; in no way: it has no such call.
struct Ways {
  std::optional<std::uint32_t> number, socketcall, ipc;
};

// libseccomp gives negative numbers to names that an architecture does not have. On i386 those from -101 to -299 are
// there: -100 - N is socketcall's Nth, -200 - N ipc's.
Ways ways_to(const Arch& arch, const std::string& name) {
  const int n = ::seccomp_syscall_resolve_name_arch(arch.libseccomp, name.c_str());
  if (n >= 0) return {.number = static_cast<std::uint32_t>(n), .socketcall = {}, .ipc = {}};
  Ways out;
  if (arch.audit != AUDIT_ARCH_I386 || n > -101 || n < -299) return out;
  (n > -200 ? out.socketcall : out.ipc) = static_cast<std::uint32_t>(-n % 100);
  const auto* own = std::ranges::find(kDirect, n, &Direct::pseudo);
  if (own != std::end(kDirect)) out.number = own->number;
  return out;
}

// The answers to single numbers, as ranges; between those, others begin at `begins`.
template <class Otherwise>
Ranges make_ranges(const Ranges& single, std::initializer_list<std::uint32_t> begins, const Otherwise& otherwise) {
  Ranges out;
  for (const std::uint32_t n : begins) out[n] = otherwise(n);
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

// From rules to the answers on one architecture.
class Planner {
 public:
  Planner(const Arch& arch, const SeccompRules& rules)
      : arch_(arch),
        allow_only_(rules.mode == SeccompRules::Mode::allow_only),
        refusal_(rules.err == 0 ? SECCOMP_RET_KILL_PROCESS
                                : SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(rules.err)) {
    for (const auto& name : rules.names) add(name);
    if (rules.refuse_new_namespaces) {
      look_at("clone", kCheckClone);
      look_at("clone3", kNoSuchCall);
    }
    if (rules.refuse_vsock)
      for (const char* name : {"socket", "socketpair"}) look_at_family(name, rules.hidden_families);
  }

  Answers answers() && {
    multiplex("socketcall", out_.socketcall, kSocketcall);
    multiplex("ipc", out_.ipc, kIpc);
    out_.calls = make_ranges(out_.calls, {0, arch_.young, kX32First, kX32End, kX32},
                             [this](std::uint32_t n) { return otherwise(n); });
    return std::move(out_);
  }

 private:
  void add(const std::string& name) {
    const Ways ways = ways_to(arch_, name);
    const std::uint32_t what = allow_only_ ? SECCOMP_RET_ALLOW : refusal_;
    if (ways.number) out_.calls[*ways.number] = what;
    if (ways.socketcall) out_.socketcall[*ways.socketcall] = what;
    if (ways.ipc) out_.ipc[*ways.ipc] = what;
  }

  // What no list names.
  std::uint32_t otherwise(std::uint32_t n) const {
    // Keeps x32 from passing by a list of refused calls.
    const bool x32 = arch_.audit == AUDIT_ARCH_X86_64 && n >= kX32First && n < kX32End;
    if (n >= kX32 || x32) return kNoSuchCall;
    if (!allow_only_) return SECCOMP_RET_ALLOW;
    return n >= arch_.young ? kNoSuchCall : refusal_;
  }

  std::uint32_t answer_to(const std::string& name) const {
    const std::uint32_t n = ways_to(arch_, name).number.value();
    const auto listed = out_.calls.find(n);
    return listed == out_.calls.end() ? otherwise(n) : listed->second;
  }

  // What is refused stays so.
  void look_at(const std::string& name, std::uint32_t what) {
    const auto n = ways_to(arch_, name).number;
    if (n && answer_to(name) == SECCOMP_RET_ALLOW) out_.calls[*n] = what;
  }

  // socketcall has the family in memory, where no filter sees it.
  void look_at_family(const std::string& name, bool hidden_ones_pass) {
    look_at(name, kCheckFamily);
    if (hidden_ones_pass) return;
    const auto n = ways_to(arch_, name).socketcall;
    if (!n) return;
    std::uint32_t& part = out_.socketcall.try_emplace(*n, answer_to("socketcall")).first->second;
    if (part == SECCOMP_RET_ALLOW) part = kNoSuchCall;
  }

  void multiplex(const std::string& name, Ranges& parts, std::uint32_t look) {
    if (parts.empty()) return;
    const std::uint32_t whole = answer_to(name);
    parts = make_ranges(parts, {0}, [whole](std::uint32_t) { return whole; });
    out_.calls[ways_to(arch_, name).number.value()] = parts.size() == 1 ? parts.begin()->second : look;
  }

  const Arch& arch_;
  const bool allow_only_;
  const std::uint32_t refusal_;
  Answers out_;  // single numbers
};

// Instructions, and which of their jumps lead to answers that are still to be put behind them.
struct Part {
  struct Jump {
    std::size_t from;
    bool if_true;
    std::uint32_t to;
  };
  Code code;
  std::vector<Jump> open;
};

constexpr std::size_t kReach = 240;  // conditional jumps get over 255 instructions; the answers come on top

bool is_answer(std::uint32_t what) { return what > kIpc; }

// Each answer once: the kernel takes as long for a filter as it has instructions.
Code closed(Part part) {
  std::map<std::uint32_t, std::size_t> places;
  for (const auto& jump : part.open) {
    const auto [it, fresh] = places.try_emplace(jump.to, part.code.size());
    if (fresh) part.code.push_back(answer(jump.to));
    sock_filter& from = part.code[jump.from];
    (jump.if_true ? from.jt : from.jf) = static_cast<std::uint8_t>(it->second - jump.from - 1);
  }
  return std::move(part.code);
}

void append(Part& out, const Part& more) {
  for (const auto& jump : more.open) out.open.push_back({jump.from + out.code.size(), jump.if_true, jump.to});
  out.code.insert(out.code.end(), more.code.begin(), more.code.end());
}

Part search(const Answers& all, Ranges::const_iterator begin, std::size_t count);

Code search(const Answers& all, const Ranges& ranges) { return closed(search(all, ranges.begin(), ranges.size())); }

Code leaf(const Answers& all, std::uint32_t what) {
  if (is_answer(what)) return {answer(what)};
  // The low half of an argument comes first on little-endian machines.
  Code out = {statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[0]))};
  Code rest;
  if (what == kSocketcall) {
    rest = search(all, all.socketcall);
  } else if (what == kIpc) {
    out.push_back(statement(BPF_ALU | BPF_AND | BPF_K, 0xffff));  // above is a version
    rest = search(all, all.ipc);
  } else {
    const bool clone = what == kCheckClone;
    rest = {clone ? sock_filter{BPF_JMP | BPF_JSET | BPF_K, 0, 1, kNewNamespaces}
                  : sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 0, 1, AF_VSOCK},
            answer(SECCOMP_RET_ERRNO | (clone ? EPERM : EAFNOSUPPORT)), answer(SECCOMP_RET_ALLOW)};
  }
  out.insert(out.end(), rest.begin(), rest.end());
  return out;
}

// One side of a comparison: an answer that is jumped to has no instructions here.
Part side(const Answers& all, Ranges::const_iterator begin, std::size_t count) {
  return count == 1 && is_answer(begin->second) ? Part() : search(all, begin, count);
}

// The number is in the accumulator; `begin`..`end` are the ranges it can be in.
Part search(const Answers& all, Ranges::const_iterator begin, std::size_t count) {
  if (count == 1) return {.code = leaf(all, begin->second), .open = {}};
  const auto middle = std::next(begin, static_cast<std::ptrdiff_t>(count / 2));
  Part below = side(all, begin, count / 2), above = side(all, middle, count - count / 2);
  if (below.code.size() + above.code.size() > kReach) {
    below = {.code = below.code.empty() ? leaf(all, begin->second) : closed(std::move(below)), .open = {}};
    above = {.code = above.code.empty() ? leaf(all, middle->second) : closed(std::move(above)), .open = {}};
  }
  const std::size_t over = below.code.size();
  Part out;
  out.code.push_back({.code = BPF_JMP | BPF_JGE | BPF_K, .jt = 0, .jf = 0, .k = middle->first});
  if (over == 0) out.open.push_back({0, false, begin->second});
  if (above.code.empty()) {
    out.open.push_back({0, true, middle->second});
  } else if (over <= 255) {
    out.code[0].jt = static_cast<std::uint8_t>(over);
  } else {
    out.code[0].jf = 1;
    out.code.push_back(statement(BPF_JMP | BPF_JA, static_cast<std::uint32_t>(over)));
  }
  append(out, below);
  append(out, above);
  return out;
}

}  // namespace

std::vector<sock_filter> make_seccomp_program(const SeccompRules& rules) {
  Code out = {statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch))};
  for (const Arch& arch : kArches) {
    const Answers all = Planner(arch, rules).answers();
    Code part = {statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
    const Code tree = search(all, all.calls);
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
