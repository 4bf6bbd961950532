// SPDX-License-Identifier: Apache-2.0
#include "stage0/users.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

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

TEST(PlanRange, RangesOfUsersOfTheHostMayBeOfAnyLength) {
  EXPECT_EQ(plan_range({{140000, 0xffffffff}}, from({2, 0x7fff, 1})).shift, 65536U);
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

class ShiftOwners : public testing::Test {
 protected:
  void file(const char* name, uid_t uid, gid_t gid) {
    write_file(tmp_.dir(), name, "", 0644);
    ASSERT_EQ(::fchownat(tmp_.dir().get(), name, uid, gid, 0), 0);
  }
  std::pair<uid_t, gid_t> owner(const char* name) {
    struct stat st{};
    EXPECT_EQ(::fstatat(tmp_.dir().get(), name, &st, AT_SYMLINK_NOFOLLOW), 0) << name;
    return {st.st_uid, st.st_gid};
  }
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "owners are root's to change";
  }
  TempDir tmp_;
  const IdRange range_{65536, 65536};
};

TEST_F(ShiftOwners, UserAndGroupMoveOnceHoweverManyNamesAFileHas) {
  file("one", 1, 2);
  ASSERT_EQ(::linkat(tmp_.dir().get(), "one", tmp_.dir().get(), "two", 0), 0);
  tmp_.dir().make_sub("dir");
  file("dir/below", 0, 7);
  shift_owners(tmp_.dir(), range_);
  EXPECT_EQ(owner("one"), std::pair(65537U, 65538U));
  EXPECT_EQ(owner("dir"), std::pair(65536U, 65536U));
  EXPECT_EQ(owner("dir/below"), std::pair(65536U, 65543U));
}

TEST_F(ShiftOwners, AUserThatLiesInTheRangeBeforeDoesNotKeepItsHostGroup) {
  const IdRange wide{1000, 65536};
  file("odd", 2000, 0);
  shift_owners(tmp_.dir(), wide);
  EXPECT_EQ(owner("odd"), std::pair(3000U, 1000U));
  file("outside", 70000, 0);
  EXPECT_THROW(shift_owners(tmp_.dir(), range_), Error);
}

}  // namespace
}  // namespace rkt::stage0
