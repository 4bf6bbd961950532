// SPDX-License-Identifier: Apache-2.0
#include "net/state.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/strings.h"
#include "sys/file.h"
#include "sys/tempdir.h"

namespace rkt::net {
namespace {

Attachment attachment() {
  Attachment a{.name = "n",
               .file = "10-n.conf",
               .if_name = "eth0",
               .args = "IP=1.2.3.4",
               .cni_version = "0.4.0",
               .masquerades = true,
               .steps = {},
               .plugins = {"/x/ptp"},
               .result = json::parse(R"({"ips":[]})")};
  Step step{.type = "ptp", .config = {}, .bytes = "{ \"type\": \"ptp\" }"};
  step.config.set("type", "ptp");
  a.steps.push_back(step);
  return a;
}

TEST(NetState, ReadsWhatItWrote) {
  const auto text = write_state({attachment()});
  const auto back = parse_state(text);
  ASSERT_EQ(back.size(), 1U);
  EXPECT_EQ(write_state(back), text);
  EXPECT_EQ(back[0].steps.at(0).bytes, "{ \"type\": \"ptp\" }");
  EXPECT_TRUE(back[0].result.has_value());
}

TEST(NetState, RefusesADocumentOfAnotherShape) {
  EXPECT_THROW(parse_state("{}"), Error);
  EXPECT_THROW(parse_state(R"([{"name":"n"}])"), Error);
}

TEST(NetState, IsEmptyWhenThePodHasNone) {
  const TempDir tmp;
  EXPECT_TRUE(load_state(tmp.dir()).empty());
}

// Plugins that write what they got to a file beside them.
class Detach : public ::testing::Test {
 protected:
  Attachment chain(const char* first, const char* second) {
    Attachment a = attachment();
    a.steps = {a.steps[0], a.steps[0]};
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
};

TEST_F(Detach, RunsTheChainInReverseWithTheFinalResult) {
  detach(chain("", ""), "id", "/n", {});
  EXPECT_EQ(log(), R"(two DEL ns=/n {"type":"ptp","prevResult":{"ips":[]}})"
                   "\n"
                   R"(one DEL ns=/n {"type":"ptp","prevResult":{"ips":[]}})"
                   "\n");
}

TEST_F(Detach, TriesEveryPluginAndThenReportsTheFirstFailure) {
  try {
    detach(chain("", "echo '{\"code\":1,\"msg\":\"broken\"}'; exit 1"), "id", "", {});
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.brief(), "broken");
  }
  EXPECT_NE(log().find("one DEL ns= "), std::string::npos);
}

}  // namespace
}  // namespace rkt::net
