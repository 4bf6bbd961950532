// SPDX-License-Identifier: Apache-2.0
#include "stage0/labels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace rkt::stage0 {
namespace {

std::function<std::uint16_t()> categories(std::vector<std::uint16_t> values) {
  return [values = std::move(values), at = std::size_t{0}]() mutable {
    return at < values.size() ? values[at++] : values.back();
  };
}

TEST(LxcContexts, AreTwoOfItsLines) {
  const auto found = parse_lxc_contexts(
      "# process = \"no:no:no\"\nprocess = \"system_u:system_r:container_t:s0\"\ncontent = \"x\"\n"
      "file=system_u:object_r:container_file_t:s0\n");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->process, "system_u:system_r:container_t:s0");
  EXPECT_EQ(found->files, "system_u:object_r:container_file_t:s0");
  EXPECT_FALSE(parse_lxc_contexts("process = \"u:r:t:s0\"\n"));
  EXPECT_FALSE(parse_lxc_contexts("process = \"u:r:t:s0\"\nfile = \"\"\n"));
}

TEST(PolicyType, IsTargetedWhereNothingIsSaid) {
  EXPECT_EQ(policy_type("SELINUX=enforcing\n#SELINUXTYPE=old\nSELINUXTYPE=default \n"), "default");
  EXPECT_EQ(policy_type("SELINUX=enforcing\n"), "targeted");
}

TEST(WithLevel, ReplacesTheLevelWhateverItHolds) {
  EXPECT_EQ(with_level("u:r:t:s0-s15:c0.c1023", "s0:c1,c2"), "u:r:t:s0:c1,c2");
  EXPECT_EQ(with_level("u:r:t", "s0:c1,c2"), "u:r:t:s0:c1,c2");
}

TEST(PlanLevel, IsAPairInOrderThatNoOtherPodHas) {
  EXPECT_EQ(plan_level({"s0:c1,c2"}, categories({7, 7, 2, 1, 9, 3})), "s0:c3,c9");
  EXPECT_THROW(plan_level({"s0:c1,c2"}, categories({1, 2, 1, 2})), Error);  // and then 2, 2
}

}  // namespace
}  // namespace rkt::stage0
