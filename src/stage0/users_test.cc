// SPDX-License-Identifier: Apache-2.0
#include "stage0/users.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/error.h"
#include "pod/for_test.h"

namespace rkt::stage0 {
namespace {

std::function<std::uint16_t()> from(std::vector<std::uint16_t> values) {
  return [values = std::move(values), at = std::size_t{0}]() mutable {
    return at < values.size() ? values[at++] : values.back();
  };
}

TEST(IdRange, ItsTextIsShiftAndCount) {
  EXPECT_EQ((IdRange{131072, 65536}).str(), "131072:65536");
  const auto r = IdRange::parse("131072:65536");
  ASSERT_TRUE(r);
  EXPECT_EQ(r->shift, 131072U);
  EXPECT_EQ(r->count, 65536U);
  for (const auto* bad : {"", "1", "1:2:3", "a:b", "-1:2", "4294967296:1"}) EXPECT_FALSE(IdRange::parse(bad)) << bad;
}

TEST(PlanRange, HostUsersAndNumbersAbove31BitsAreLeftAlone) {
  EXPECT_EQ(plan_range({}, from({0, 0x8000, 0xffff, 0x7fff})).shift, 0x7fff0000U);
}

TEST(PlanRange, NoTwoPodsShareARange) {
  EXPECT_EQ(plan_range({{65536, 65536}, {196608, 1}}, from({1, 3, 2})).shift, 131072U);
}

TEST(PlanRange, AFullMachineIsAnErrorNotAnEndlessSearch) {
  EXPECT_THROW(plan_range({{65536, 65536}}, from({1})), Error);
}

class AllocateRange : public pod::PodsForTest {};

TEST_F(AllocateRange, EveryPodGetsItsOwnAndKeepsItInItsFile) {
  std::set<std::uint32_t> shifts;
  for (int i = 0; i < 20; ++i) {
    const Uuid id = make("prepare");
    const DirFd dir = pods.dir("prepare").sub(id.str());
    const auto range = allocate_range(pods, dir);
    EXPECT_EQ(read_file(dir, "private-users-prepared"), range.str());
    EXPECT_EQ(range.count, 65536U);
    EXPECT_TRUE(shifts.insert(range.shift).second);
  }
}

}  // namespace
}  // namespace rkt::stage0
