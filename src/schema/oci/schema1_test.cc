// SPDX-License-Identifier: Apache-2.0
#include "schema/oci/schema1.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/base64.h"
#include "base/strings.h"
#include "json/value.h"
#include "tests/support/error_text.h"

namespace rkt::oci {
namespace {

using rkt::test::error_text;
using testing::ElementsAre;

std::string sum(char c) { return cat("sha256:", std::string(64, c)); }

// Top first: id, parent, more members of the layer's JSON.
struct Layer {
  std::string id, parent, more;
};
std::string old_manifest(const std::vector<Layer>& layers, std::string_view more = "") {
  json::Array sums, history;
  for (const auto& layer : layers) {
    json::Object s, h;
    s.set("blobSum", sum(layer.id[0]));
    h.set("v1Compatibility", cat(R"({"id":")", layer.id, R"(","parent":")", layer.parent, "\"", layer.more, "}"));
    sums.emplace_back(std::move(s));
    history.emplace_back(std::move(h));
  }
  return cat(R"({"schemaVersion":1,"name":"a/b","tag":"t","architecture":"amd64","fsLayers":)", json::write(sums),
             R"(,"history":)", json::write(history), more, "}");
}
std::string signed_form(const std::string& payload, const std::string& shown) {
  const std::string protection = cat(R"({"formatLength":)", payload.size() - 1, R"(,"formatTail":"fQ"})");
  return cat(shown.substr(0, shown.size() - 1), R"(,"signatures":[{"protected":")", base64_encode(protection), "\"}]}");
}
std::string refusal(const std::vector<Layer>& layers, std::string_view more = "") {
  return error_text([&] { parse_schema1(old_manifest(layers, more)); });
}

TEST(Schema1, HasItsLayersTopFirstAndSomeAreEmpty) {
  const auto m = parse_schema1(
      old_manifest({{"c", "b", R"(,"throwaway":true,"config":{"Cmd":["x"]})"}, {"b", "a", ""}, {"a", "", ""}}));
  EXPECT_THAT(m.layers, ElementsAre(sum('a'), sum('b')));
  EXPECT_EQ(m.name, "a/b");
  EXPECT_EQ(m.tag, "t");
}

TEST(Schema1, RepeatedLayersInARowCountOnce) {
  EXPECT_THAT(parse_schema1(old_manifest({{"b", "a", ""}, {"b", "a", ""}, {"a", "", ""}})).layers,
              ElementsAre(sum('a'), sum('b')));
}

TEST(Schema1, TheChainMustHold) {
  EXPECT_EQ(refusal({{"b", "x", ""}, {"a", "", ""}}), "Invalid parent ID. Expected \"a\", got \"x\".");
  EXPECT_EQ(refusal({{"b", "a", ""}, {"a", "z", ""}}), "Invalid parent ID in the base layer of the image.");
  EXPECT_EQ(refusal({{"a", "b", ""}, {"b", "a", ""}, {"a", "", ""}}), "ID \"a\" appears multiple times in manifest");
  EXPECT_EQ(refusal({{"a", "", R"(,"throwaway":true)"}}),
            "manifest: backend image had no useful layers: not creating ACI");
  EXPECT_EQ(refusal({}), "manifest: backend image had no useful layers: not creating ACI");
}

TEST(Schema1, CouldNotBeReadAsSomethingElse) {
  EXPECT_EQ(refusal({{"a", "", ""}}, R"(,"layers":[])"), "manifest: a manifest of schema 1 must not have \"layers\"");
}

TEST(Schema1Payload, IsWhatTheSignaturesAreAbout) {
  const std::string plain = old_manifest({{"a", "", ""}});
  EXPECT_EQ(schema1_payload(plain), plain);
  EXPECT_EQ(schema1_payload(signed_form(plain, plain)), plain);
}

TEST(Schema1Payload, AndNothingElseIsRead) {
  const std::string plain = old_manifest({{"a", "", ""}}), longer = old_manifest({{"a", "", ""}}, R"(,"tag":"other")");
  EXPECT_EQ(error_text([&] { schema1_payload(signed_form(plain, longer)); }),
            "manifest: its signatures are about another \"tag\"");
  EXPECT_EQ(error_text([&] { schema1_payload(R"({"signatures":[{"protected":"!"}]})"); }),
            "manifest.signatures[0].protected: not base64");
}

TEST(Schema1, BecomesSchema2) {
  const auto m = parse_schema1(old_manifest(
      {{"b", "a", R"(,"os":"linux","architecture":"arm64","config":{"Cmd":["x"]},"created":"then")"}, {"a", "", ""}}));
  const auto made = convert_schema1(m, {{7, sum('1')}, {8, cat("sha512:", std::string(128, '2'))}});
  const Manifest manifest = parse_manifest(made.manifest, made.manifest_type);
  ASSERT_EQ(manifest.layers.size(), 2U);
  EXPECT_EQ(manifest.layers[1].size, 8U);
  EXPECT_EQ(manifest.config.size, made.config.size());
  const Config config = parse_config(made.config);
  EXPECT_EQ(config.architecture, "arm64");
  ASSERT_TRUE(config.config);
  EXPECT_THAT(config.config->cmd, ElementsAre("x"));
  EXPECT_EQ(config.diff_ids[0], sum('1'));
}

}  // namespace
}  // namespace rkt::oci
