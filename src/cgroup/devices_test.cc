// SPDX-License-Identifier: Apache-2.0
#include "cgroup/devices.h"

#include <gtest/gtest.h>
#include <linux/bpf.h>

namespace rkt::cgroup {
namespace {

// The few instructions that the assembler uses, run as the kernel would.
bool allows(const std::vector<Instruction>& program, std::uint32_t type, std::uint32_t access, std::uint32_t major,
            std::uint32_t minor) {
  const std::uint32_t context[] = {type | (access << 16), major, minor};
  std::uint64_t r[11] = {};
  for (std::size_t pc = 0; pc < program.size(); ++pc) {
    const Instruction& i = program[pc];
    auto& to = r[i.registers & 15];
    const auto number = static_cast<std::uint32_t>(i.immediate);
    switch (i.code) {
      case BPF_LDX | BPF_MEM | BPF_W:
        to = context[i.offset / 4];
        break;
      case BPF_ALU | BPF_MOV | BPF_X:
        to = r[i.registers >> 4];
        break;
      case BPF_ALU | BPF_MOV | BPF_K:
        to = number;
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        to &= number;
        break;
      case BPF_ALU | BPF_RSH | BPF_K:
        to >>= number;
        break;
      case BPF_JMP | BPF_JNE | BPF_K:
        pc += to != number ? static_cast<std::size_t>(i.offset) : 0;
        break;
      case BPF_JMP | BPF_EXIT:
        return r[0] != 0;
      default:
        ADD_FAILURE() << "unknown instruction " << int{i.code};
        return false;
    }
  }
  ADD_FAILURE() << "the program ran past its end";
  return false;
}

constexpr std::uint32_t kChar = BPF_DEVCG_DEV_CHAR, kBlock = BPF_DEVCG_DEV_BLOCK;
constexpr std::uint32_t kRead = BPF_DEVCG_ACC_READ, kWrite = BPF_DEVCG_ACC_WRITE, kMake = BPF_DEVCG_ACC_MKNOD;

std::vector<Instruction> filter(std::initializer_list<const char*> rules) {
  std::vector<DeviceRule> parsed;
  for (const char* r : rules) parsed.push_back(DeviceRule::parse(r).value());
  return assemble_device_filter(parsed);
}

TEST(DeviceRule, RefusesWhatIsNoRule) {
  for (const char* bad : {"", "c", "c 1:3", "c 1 rwm", "x 1:3 r", "c 1:3 rx", "c 1:3 ", "c -1:3 r", "a *:* rwm"})
    EXPECT_FALSE(DeviceRule::parse(bad)) << bad;
}

TEST(DeviceFilter, RefusesEverythingWithoutRules) { EXPECT_FALSE(allows(filter({}), kChar, kRead, 1, 3)); }

TEST(DeviceFilter, AllowsExactlyTheListedNodes) {
  const auto p = filter({"c 1:3 rwm", "c 136:* rw"});
  EXPECT_TRUE(allows(p, kChar, kRead | kWrite, 1, 3));
  EXPECT_FALSE(allows(p, kChar, kRead, 1, 5));
  EXPECT_FALSE(allows(p, kBlock, kRead, 1, 3));
  EXPECT_TRUE(allows(p, kChar, kRead, 136, 77));
  EXPECT_FALSE(allows(p, kChar, kMake, 136, 77));
}

TEST(DeviceFilter, RefusesAnAccessOfWhichOnlyAPartIsAllowed) {
  const auto p = filter({"b 8:1 r"});
  EXPECT_TRUE(allows(p, kBlock, kRead, 8, 1));
  EXPECT_FALSE(allows(p, kBlock, kRead | kWrite, 8, 1));
}

}  // namespace
}  // namespace rkt::cgroup
