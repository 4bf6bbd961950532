// SPDX-License-Identifier: Apache-2.0
#include "net/state.h"

#include <gtest/gtest.h>

#include "base/error.h"
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

}  // namespace
}  // namespace rkt::net
