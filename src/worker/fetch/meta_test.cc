// SPDX-License-Identifier: Apache-2.0
#include "worker/fetch/meta.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace rkt::fetch {
namespace {

TEST(MetaTags, AreFoundAnywhereInThePage) {
  const auto got =
      meta_tags(R"(<!doctype html><html><head><META content='x.com https://x.com/{name}.{ext}' name=ac-discovery />
    </head><body><p><meta name="ac-discovery-pubkeys" content="  x.com   https://x.com/keys.gpg "></p></body></html>)");
  ASSERT_EQ(got.size(), 2U);
  EXPECT_EQ(got[0].name, "ac-discovery");
  EXPECT_EQ(got[0].prefix, "x.com");
  EXPECT_EQ(got[0].target, "https://x.com/{name}.{ext}");
  EXPECT_EQ(got[1].name, "ac-discovery-pubkeys");
  EXPECT_EQ(got[1].target, "https://x.com/keys.gpg");
}

TEST(MetaTags, InCommentsAndScriptsDoNotCount) {
  const std::string tag = R"(<meta name="ac-discovery" content="a b">)";
  EXPECT_TRUE(meta_tags(cat("<!-- ", tag, " --><script>'", tag, "'</script>")).empty());
}

TEST(MetaTags, NeedBothPartsAndTheName) {
  EXPECT_TRUE(
      meta_tags(
          R"(<meta name="ac-discovery" content="x.com"><meta name="go-import" content="a b"><meta content="a b">)")
          .empty());
}

TEST(MetaTags, OfAPageOfNestedTagsAreFoundWithoutRecursion) {
  std::string page;
  for (int i = 0; i < 20000; ++i) page += "<div>";
  page += "<meta name=ac-discovery content='x.com y'>";
  EXPECT_EQ(meta_tags(page).size(), 1U);
}

TEST(Prefixes, GoFromTheNameToItsHost) {
  EXPECT_EQ(prefixes_of("a/b/c"), (std::vector<std::string>{"a/b/c", "a/b", "a"}));
  EXPECT_EQ(prefixes_of("a"), (std::vector<std::string>{"a"}));
  EXPECT_TRUE(prefixes_of("").empty());
}

TEST(PrefixMatch, IsByWholeComponents) {
  EXPECT_TRUE(prefix_matches("x.com/foo", "x.com/foo"));
  EXPECT_TRUE(prefix_matches("x.com/foo/", "x.com/foo/bar"));
  EXPECT_FALSE(prefix_matches("x.com/foo", "x.com/foobar"));
  EXPECT_FALSE(prefix_matches("x.com/foo/bar", "x.com/foo"));
  EXPECT_FALSE(prefix_matches("", "x.com"));
  EXPECT_FALSE(prefix_matches("/", "x.com"));
}

TEST(Template, FillsLabelsIn) {
  const std::map<std::string, std::string> labels{{"os", "linux"}, {"arch", "amd64"}, {"name", "evil"}};
  EXPECT_EQ(render_template("https://h/{name}-{version}-{os}-{arch}.{ext}", "x.com/a", labels, "aci"),
            "https://h/x.com/a-latest-linux-amd64.aci");
  EXPECT_EQ(render_template("{version}", "n", {{"version", "1"}}, "aci"), "1");
}

TEST(Template, WithAnUnknownPlaceholderIsUnusable) {
  EXPECT_FALSE(render_template("https://h/{channel}", "n", {}, "aci"));
  EXPECT_EQ(render_template("https://h/{open", "n", {}, "aci"), "https://h/{open");
}

TEST(Template, DoesNotExpandWhatALabelHolds) {
  EXPECT_EQ(render_template("{v}", "n", {{"v", "{name}"}}, "aci"), "{name}");
}

}  // namespace
}  // namespace rkt::fetch
