// SPDX-License-Identifier: Apache-2.0
#include "schema/appc/environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rkt::appc {
namespace {

TEST(ComposeEnvironment, AddsDefaultsBehindWhatIsSet) {
  EXPECT_THAT(
      as_strings(compose_environment({{"HOME", "/h"}, {"X", "1"}})),
      ::testing::ElementsAre("HOME=/h", "X=1", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                             "SHELL=/bin/sh", "USER=root", "LOGNAME=root"));
}

TEST(EnvFile, GivesBackEveryValueAndNoVariableMore) {
  const std::vector<EnvVar> env = {{"A", "one\nB=two"}, {"C", "back\\slash\\n"}, {"D", ""}, {"E", "x=y z\"'$"}};
  EXPECT_EQ(parse_env_file(write_env_file(env)), env);
}

TEST(EnvFile, HasOnePlainLineForAPlainValue) { EXPECT_EQ(write_env_file({{"K", "V"}, {"L", "W"}}), "K=V\nL=W\n"); }

}  // namespace
}  // namespace rkt::appc
