// SPDX-License-Identifier: Apache-2.0
#include "cgroup/devices.h"

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "cgroup/limits.h"

namespace rkt::cgroup {
namespace {

// Registers: 1 = context (struct bpf_cgroup_dev_ctx: access_type, major, minor; 32 bits each), 2 = type, 3 = access,
// 4 = major, 5 = minor, 0 = result, 6 = scratch.
constexpr Instruction load(std::uint8_t to, std::int16_t offset) {
  return {BPF_LDX | BPF_MEM | BPF_W, static_cast<std::uint8_t>(to | (1 << 4)), offset, 0};
}
constexpr Instruction with_number(int op, std::uint8_t reg, std::int32_t n) {
  return {static_cast<std::uint8_t>(BPF_ALU | op | BPF_K), reg, 0, n};
}
constexpr Instruction copy(std::uint8_t to, std::uint8_t from) {
  return {BPF_ALU | BPF_MOV | BPF_X, static_cast<std::uint8_t>(to | (from << 4)), 0, 0};
}
constexpr Instruction skip_unless_equal(std::uint8_t reg, std::int32_t n, std::size_t count) {
  return {BPF_JMP | BPF_JNE | BPF_K, reg, static_cast<std::int16_t>(count), n};
}
constexpr Instruction kExit{BPF_JMP | BPF_EXIT, 0, 0, 0};

std::vector<Instruction> tests_of(const DeviceRule& r) {
  std::vector<Instruction> t;
  t.push_back(skip_unless_equal(2, r.character ? BPF_DEVCG_DEV_CHAR : BPF_DEVCG_DEV_BLOCK, 0));
  if (r.major) t.push_back(skip_unless_equal(4, static_cast<std::int32_t>(*r.major), 0));
  if (r.minor) t.push_back(skip_unless_equal(5, static_cast<std::int32_t>(*r.minor), 0));
  const int allowed =
      (r.read ? BPF_DEVCG_ACC_READ : 0) | (r.write ? BPF_DEVCG_ACC_WRITE : 0) | (r.make ? BPF_DEVCG_ACC_MKNOD : 0);
  const int all = BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE | BPF_DEVCG_ACC_MKNOD;
  if (allowed != all) {  // no access asked for beyond the allowed ones
    t.push_back(copy(6, 3));
    t.push_back(with_number(BPF_AND, 6, all & ~allowed));
    t.push_back(skip_unless_equal(6, 0, 0));
  }
  return t;
}

std::optional<std::optional<std::uint32_t>> number(std::string_view text) {
  if (text == "*") return std::optional<std::uint32_t>();
  const auto n = parse_int<std::uint32_t>(text);
  if (!n) return std::nullopt;
  return n;
}

UniqueFd load_program(const std::vector<Instruction>& program) {
  bpf_attr attr{};
  attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attr.insns = reinterpret_cast<std::uint64_t>(program.data());
  attr.insn_cnt = static_cast<std::uint32_t>(program.size());
  static const char kLicense[] = "Apache-2.0";
  attr.license = reinterpret_cast<std::uint64_t>(kLicense);
  UniqueFd fd(static_cast<int>(::syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof attr)));
  if (!fd) throw Error::from_errno("load the device filter of a cgroup");
  return fd;
}

}  // namespace

std::optional<DeviceRule> DeviceRule::parse(std::string_view text) {
  const auto parts = split(text, ' ');
  if (parts.size() != 3 || (parts[0] != "c" && parts[0] != "b") || parts[2].empty()) return std::nullopt;
  const auto colon = parts[1].find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto major = number(parts[1].substr(0, colon)), minor = number(parts[1].substr(colon + 1));
  if (!major || !minor || parts[2].find_first_not_of("rwm") != std::string_view::npos) return std::nullopt;
  const auto has = [&](char c) { return parts[2].find(c) != std::string_view::npos; };
  return DeviceRule{.character = parts[0] == "c",
                    .major = *major,
                    .minor = *minor,
                    .read = has('r'),
                    .write = has('w'),
                    .make = has('m')};
}

std::vector<Instruction> assemble_device_filter(const std::vector<DeviceRule>& rules) {
  // access_type holds the device's type in its low half and the access in its high half.
  std::vector<Instruction> out = {load(2, 0), copy(3, 2), with_number(BPF_AND, 2, 0xffff), with_number(BPF_RSH, 3, 16),
                                  load(4, 4), load(5, 8)};
  for (const auto& rule : rules) {
    auto tests = tests_of(rule);
    // Each failing test goes past the rest of the rule: its other tests and the two instructions that allow.
    for (std::size_t i = 0; i < tests.size(); ++i)
      if (tests[i].code == (BPF_JMP | BPF_JNE | BPF_K))
        tests[i].offset = static_cast<std::int16_t>(tests.size() - i - 1 + 2);
    out.insert(out.end(), tests.begin(), tests.end());
    out.push_back(with_number(BPF_MOV, 0, 1));
    out.push_back(kExit);
  }
  out.push_back(with_number(BPF_MOV, 0, 0));
  out.push_back(kExit);
  return out;
}

void attach_device_filter(const DirFd& cgroup, const std::vector<std::string>& more) {
  std::vector<DeviceRule> rules;
  for (const auto* list : {&standard_devices(), &more})
    for (const auto& text : *list) {
      const auto rule = DeviceRule::parse(text);
      if (!rule) throw Error(Errc::bug, cat("device rule ", quoted(text)));
      rules.push_back(*rule);
    }
  const UniqueFd program = load_program(assemble_device_filter(rules));
  bpf_attr attr{};
  attr.target_fd = static_cast<std::uint32_t>(cgroup.get());
  attr.attach_bpf_fd = static_cast<std::uint32_t>(program.get());
  attr.attach_type = BPF_CGROUP_DEVICE;
  attr.attach_flags = BPF_F_ALLOW_MULTI;
  if (::syscall(SYS_bpf, BPF_PROG_ATTACH, &attr, sizeof attr) < 0)
    throw Error::from_errno("attach the device filter of a cgroup");
}

}  // namespace rkt::cgroup
