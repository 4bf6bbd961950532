// SPDX-License-Identifier: Apache-2.0
#include "net/chain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/strings.h"
#include "sys/file.h"
#include "sys/tempdir.h"
#include "tests/support/error_text.h"

namespace rkt::net {
namespace {

using ::testing::HasSubstr;

// Plugins that write what they got to a file beside them.
class Chain : public ::testing::Test {
 protected:
  Attachment chain(const char* first, const char* second, const char* version = "0.4.0") {
    Attachment a{.name = "n", .file = "10-n.conf", .if_name = "eth0", .args = "IP=1.2.3.4", .cni_version = version};
    Step step{.type = "ptp", .config = {}, .bytes = {}};
    step.config.set("type", "ptp");
    a.steps = {step, step};
    a.plugins = {plugin("one", first), plugin("two", second)};
    return a;
  }
  std::string plugin(const std::string& name, const char* script) {
    write_file(tmp_.dir(), name,
               cat("#!/bin/sh\necho \"", name, " $CNI_COMMAND ns=$CNI_NETNS $(cat)\" >> ", tmp_.path(), "/log\n",
                   script, "\n"),
               0755);
    return cat(tmp_.path(), "/", name);
  }
  std::string log() { return read_file(tmp_.dir(), "log"); }
  TempDir tmp_;
  const ChainCall call_{.container_id = "id", .netns = "/n", .path = {}};
};

TEST_F(Chain, AddsInOrderAndHandsResultsOn) {
  Attachment a = chain("echo '{\"ips\":[{\"address\":\"10.0.0.2/24\"}]}'", "echo '{\"ips\":[]}'");
  EXPECT_TRUE(attach(a, call_).ips.empty());
  EXPECT_EQ(log(), R"(one ADD ns=/n {"type":"ptp"})"
                   "\n"
                   R"(two ADD ns=/n {"type":"ptp","prevResult":{"ips":[{"address":"10.0.0.2/24"}]}})"
                   "\n");
  EXPECT_EQ(json::write(*a.result), R"({"ips":[]})");
}

TEST_F(Chain, DeletesInReverseWithTheFinalResult) {
  Attachment a = chain("", "");
  a.result = json::parse(R"({"ips":[]})");
  detach(a, call_);
  EXPECT_EQ(log(), R"(two DEL ns=/n {"type":"ptp","prevResult":{"ips":[]}})"
                   "\n"
                   R"(one DEL ns=/n {"type":"ptp","prevResult":{"ips":[]}})"
                   "\n");
}

TEST_F(Chain, TriesEveryPluginAndThenReportsAllFailures) {
  const Attachment a = chain("", "echo '{\"code\":1,\"msg\":\"broken\"}'; exit 1");
  EXPECT_EQ(test::error_text([&] { detach(a, call_); }), "broken");
  EXPECT_THAT(log(), HasSubstr("one DEL ns=/n"));
  const Attachment both =
      chain("echo '{\"code\":1,\"msg\":\"so is this\"}'; exit 1", "echo '{\"code\":1,\"msg\":\"broken\"}'; exit 1");
  EXPECT_EQ(test::error_text([&] { detach(both, call_); }), "broken; so is this");
}

TEST_F(Chain, NeedsNoCleanUpOfAContainerThatThePluginDoesNotKnow) {
  detach(chain("", "echo '{\"code\":3,\"msg\":\"who\"}'; exit 1"), call_);
  EXPECT_THAT(log(), HasSubstr("one DEL"));
}

TEST_F(Chain, ChecksInOrderAndStopsAtTheFirstThatComplains) {
  Attachment a = chain("echo '{\"code\":100,\"msg\":\"no link\"}'; exit 1", "");
  a.result = json::parse(R"({"ips":[]})");
  EXPECT_EQ(test::error_text([&] { check(a, call_); }), "no link");
  EXPECT_EQ(log(), "one CHECK ns=/n {\"type\":\"ptp\",\"prevResult\":{\"ips\":[]}}\n");
}

TEST_F(Chain, IsNotCheckedBeforeVersionFourNorWhereThatIsDisabled) {
  check(chain("exit 1", "exit 1", "0.3.1"), call_);
  Attachment a = chain("exit 1", "exit 1");
  a.checks = false;
  check(a, call_);
  EXPECT_FALSE(tmp_.dir().exists("log"));
}

TEST_F(Chain, SpeaksTheNewestVersionThatAllPluginsKnow) {
  const std::vector<std::string> wanted = {"1.1.0", "1.0.0", "0.4.0"};
  const auto all = plugin("all", R"(echo '{"supportedVersions":["0.4.0","1.0.0","1.1.0"]}')");
  const auto old = plugin("old", R"(echo '{"supportedVersions":["0.4.0","1.0.0"]}')");
  const auto silent = plugin("silent", "exit 1");
  EXPECT_EQ(negotiate(wanted, {all}), "1.1.0");
  EXPECT_EQ(negotiate(wanted, {all, silent, old}), "1.0.0");
  EXPECT_THAT(test::error_text([&] { negotiate({"1.1.0"}, {all, old}); }),
              HasSubstr("old\" speaks versions 0.4.0, 1.0.0 of CNI, the network needs one of 1.1.0"));
}

}  // namespace
}  // namespace rkt::net
