// SPDX-License-Identifier: Apache-2.0
#include "stage1/fly/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace rkt::fly {
namespace {

using ::testing::ElementsAre;

constexpr const char* kId = "a5e5f2b0-1c2d-4e3f-8a9b-0123456789ab";

int status(const std::vector<std::string>& args) {
  try {
    parse_run(args);
  } catch (const Error& e) {
    return e.exit_code();
  }
  return 0;
}

TEST(RunOptions, TakeEveryFlagOfTheInterface) {
  const auto o = parse_run({"--debug", "--net=default", "--interactive", "--local-config=/etc/rkt", "--disable-seccomp",
                            "--dns-conf-mode=resolv=host,hosts=stage0", kId});
  EXPECT_TRUE(o.debug);
  EXPECT_EQ(o.names.resolv, stage1::ResolvMode::host);
  EXPECT_EQ(o.names.hosts, stage1::HostsMode::stage0);
  EXPECT_EQ(o.uuid.str(), kId);
  EXPECT_TRUE(o.ignored.empty());
}

TEST(RunOptions, NameWhatIsIgnored) {
  EXPECT_THAT(parse_run({"--hostname=x", "--mds-token", "t", kId}).ignored, ElementsAre("hostname", "mds-token"));
}

TEST(RunOptions, RefuseAnUnknownFlagWithStatusTwo) {
  EXPECT_EQ(status({"--private-users=1:2", kId}), 2);
  EXPECT_EQ(status({"--debug=maybe", kId}), 2);
  EXPECT_EQ(status({"--net"}), 2);
}

TEST(RunOptions, NeedOneUuid) {
  EXPECT_EQ(status({}), 254);
  EXPECT_EQ(status({"x"}), 254);
  EXPECT_EQ(status({kId, kId}), 254);
  EXPECT_EQ(status({"--dns-conf-mode=resolv=nonsense", kId}), 254);
}

TEST(EnterOptions, KeepTheCommandAsItIs) {
  const auto o = parse_enter({"--pid=42", "--appname=web", "--", "/bin/sh", "-c", "--debug"});
  EXPECT_EQ(o.pid, 42);
  EXPECT_EQ(o.app, "web");
  EXPECT_THAT(o.command, ElementsAre("/bin/sh", "-c", "--debug"));
}

TEST(EnterOptions, NeedAProcessAndACommand) {
  EXPECT_THROW(parse_enter({"--", "/bin/sh"}), Error);
  EXPECT_THROW(parse_enter({"--pid=0", "--", "/bin/sh"}), Error);
  EXPECT_THROW(parse_enter({"--pid=1", "--"}), Error);
}

}  // namespace
}  // namespace rkt::fly
