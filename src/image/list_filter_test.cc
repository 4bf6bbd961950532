// SPDX-License-Identifier: Apache-2.0
#include "image/list_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace rkt::image {
namespace {

std::vector<std::string> kept(const std::vector<std::string>& filters) {
  const auto image = [](std::string key, std::string name, std::string version, std::string_view arch) {
    store::ImageRecord out;
    out.key = std::move(key);
    out.manifest = R"({"acKind":"ImageManifest","acVersion":"0.8.11","name":")" + name +
                   R"(","labels":[{"name":"arch","value":")" + std::string(arch) + R"("}]})";
    out.name = std::move(name);
    out.version = std::move(version);
    return out;
  };
  std::vector<store::ImageRecord> images = {image("sha512-ab", "example.com/web", "1.0", "amd64"),
                                            image("sha512-ac", "example.com/team/web", "2.0", "aarch64"),
                                            image("sha512-b", "other.org/web", "", "amd64")};
  filter_images(images, filters);
  std::vector<std::string> out;
  out.reserve(images.size());
  for (const auto& i : images) out.push_back(i.key);
  return out;
}

using testing::ElementsAre;

TEST(ListFilter, KeepsWhatIsMeant) {
  EXPECT_THAT(kept({}), ElementsAre("sha512-ab", "sha512-ac", "sha512-b"));
  EXPECT_THAT(kept({"name=example.com/web"}), ElementsAre("sha512-ab"));
  EXPECT_THAT(kept({"name=example.com/*"}), ElementsAre("sha512-ab", "sha512-ac"));
  EXPECT_THAT(kept({"name=*:2.0"}), ElementsAre("sha512-ac"));
  EXPECT_THAT(kept({"name=example.com/web:1.?"}), ElementsAre("sha512-ab"));
  EXPECT_THAT(kept({"name=web"}), ElementsAre());
  EXPECT_THAT(kept({"id=sha512-a"}), ElementsAre("sha512-ab", "sha512-ac"));
  EXPECT_THAT(kept({"label=arch=amd64"}), ElementsAre("sha512-ab", "sha512-b"));
  EXPECT_THAT(kept({"label=arch=amd64", "name=example.com/*"}), ElementsAre("sha512-ab"));
  EXPECT_THAT(kept({"id=sha512-b", "id=sha512-ac"}), ElementsAre("sha512-ac", "sha512-b"));
}

TEST(ListFilter, SaysWhatAFilterIs) {
  for (const char* wrong : {"", "web", "size=1", "label=arch", "=x"})
    EXPECT_THROW(ListFilter::parse(wrong), Error) << wrong;
}

}  // namespace
}  // namespace rkt::image
