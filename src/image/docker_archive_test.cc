// SPDX-License-Identifier: Apache-2.0
#include "image/docker_archive.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace rkt::image {
namespace {

constexpr const char* kTwo = R"([{"Config":"a.json","RepoTags":["alpine:3.1","alpine:latest"],"Layers":["1/layer.tar"]},
                                 {"Config":"b.json","RepoTags":null,"Layers":["1/layer.tar","2/layer.tar"]}])";

TEST(DockerArchive, NamesConfigurationTagsAndLayers) {
  const auto images = parse_docker_archive(kTwo);
  ASSERT_EQ(images.size(), 2U);
  EXPECT_EQ(images[0].config, "a.json");
  EXPECT_EQ(images[0].tags.size(), 2U);
  EXPECT_EQ(images[1].layers, (std::vector<std::string>{"1/layer.tar", "2/layer.tar"}));
}

TEST(DockerArchive, AnImageIsChosenByItsTag) {
  const auto images = parse_docker_archive(kTwo);
  EXPECT_EQ(choose_tag(images, "alpine:3.1").config, "a.json");
  EXPECT_EQ(choose_tag(images, "alpine").config, "a.json");
  EXPECT_THROW(choose_tag(images, "debian"), Error);
  EXPECT_EQ(choose_tag(images, "docker.io/library/alpine:3.1").config, "a.json");
  EXPECT_THROW(choose_tag(images, "example.com/alpine:3.1"), Error);
  const std::vector<DockerArchiveImage> of_podman = {{"p.json", {"docker.io/library/foo:1.2"}, {}}};
  EXPECT_EQ(choose_tag(of_podman, "foo:1.2").config, "p.json");
  EXPECT_THROW(choose_tag(of_podman, "foo"), Error);
  EXPECT_THROW(choose_tag(images, ""), Error);
  EXPECT_EQ(choose_tag({images[1]}, "").config, "b.json");
  EXPECT_THROW(choose_tag({}, ""), Error);
}

TEST(DockerArchive, OtherDocumentsAreRefused) {
  for (const char* bad :
       {"", "{}", "[1]", R"([{"Config":1}])", R"([{"Layers":[]}])", R"([{"Config":"a","Layers":"b"}])"})
    EXPECT_THROW(parse_docker_archive(bad), Error) << bad;
}

}  // namespace
}  // namespace rkt::image
