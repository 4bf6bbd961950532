// SPDX-License-Identifier: Apache-2.0
#include "schema/oci/image.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "schema/oci/media_types.h"
#include "tests/support/error_text.h"

namespace rkt::oci {
namespace {

using rkt::test::error_text;
using Strings = std::vector<std::string>;

std::string digest(char c) { return cat("sha256:", std::string(64, c)); }
std::string descriptor(char c, std::string_view more = "") {
  return cat(R"({"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":")", digest(c), R"(","size":7)",
             more, "}");
}
std::string platform(std::string_view os, std::string_view arch, std::string_view variant = "") {
  return cat(R"(,"platform":{"os":")", os, R"(","architecture":")", arch, R"(","variant":")", variant, "\"}");
}
Index index_of(const Strings& entries) {
  return parse_index(cat(R"({"schemaVersion":2,"manifests":[)", join(entries, ","), "]}"), kIndexType);
}
// Which entry of the index is taken: the character of its digest.
char chosen(const Strings& entries, const appc::OciPlatform& host) {
  return select_platform(index_of(entries), host).digest.back();
}

TEST(Digest, HasAnAlgorithmThatCanBeVerifiedAndAllItsDigits) {
  EXPECT_EQ(error_text([] { check_digest_syntax(digest('a')); }), "");
  EXPECT_EQ(error_text([] { check_digest_syntax(cat("sha512:", std::string(128, '0'))); }), "");
  EXPECT_EQ(error_text([] { check_digest_syntax("md5:00"); }),
            "digest \"md5:00\" has no algorithm that can be verified");
  for (const auto& bad : {std::string("sha256"), std::string("sha256:ab"), cat("sha256:", std::string(64, 'A')),
                          cat("sha256:", std::string(65, 'a'))})
    EXPECT_EQ(error_text([&] { check_digest_syntax(bad); }), cat("digest ", rkt::quoted(bad), " is malformed"));
}

TEST(Manifest, ReadsConfigAndLayersBaseFirst) {
  const auto m = parse_manifest(cat(R"({"schemaVersion":2,"config":)", descriptor('c'), R"(,"layers":[)",
                                    descriptor('1'), ",", descriptor('2'), "]}"),
                                cat(kManifestType, "; charset=utf-8"));
  EXPECT_EQ(m.media_type, kManifestType);
  EXPECT_EQ(m.config.digest, digest('c'));
  ASSERT_EQ(m.layers.size(), 2U);
  EXPECT_EQ(m.layers[0].digest, digest('1'));
  EXPECT_EQ(m.layers[0].size, 7U);
}

TEST(Listing, HasTheEntriesBesideOneThatIsMalformed) {
  const std::string text =
      cat(R"({"schemaVersion":2,"manifests":[{"digest":"blake3:00","size":1,"artifactType":"a/b"},)",
          R"({"size":-1,"artifactType":7},3,)", descriptor('1'), "]}");
  EXPECT_NE(error_text([&] { parse_index(text, kIndexType); }), "");
  const Listing found = parse_listing(text, kIndexType);
  ASSERT_EQ(found.index.manifests.size(), 1U);
  EXPECT_EQ(found.index.manifests[0].digest, digest('1'));
  ASSERT_EQ(found.malformed.size(), 3U);
  EXPECT_EQ(found.malformed[0].artifact_type, "a/b");
  EXPECT_EQ(found.malformed[0].why, "manifests[0]: digest \"blake3:00\" has no algorithm that can be verified");
  EXPECT_EQ(found.malformed[1].artifact_type, "");
  EXPECT_NE(error_text([] { parse_listing("{}", kIndexType); }), "");
}

TEST(Manifest, RefusesWhatCouldBeReadAsSomethingElse) {
  const auto why = [](std::string_view members) {
    return error_text([&] { parse_manifest(cat(R"({"schemaVersion":2,)", members, "}"), kManifestType); });
  };
  EXPECT_EQ(why(cat(R"("mediaType":")", kIndexType, "\"")),
            cat("mediaType: document says it is \"", kIndexType, "\", but it was given as \"", kManifestType, "\""));
  EXPECT_EQ(why(R"("layers":[],"manifests":[])"), "a document with \"layers\" must not have \"manifests\"");
  EXPECT_EQ(error_text([] { parse_manifest(R"({"schemaVersion":1})", kManifestType); }), "schemaVersion must be 2");
}

TEST(Manifest, ErrorsSayWhereInTheDocument) {
  const auto why = [](std::string_view layer) {
    return error_text([&] {
      parse_manifest(cat(R"({"schemaVersion":2,"config":)", descriptor('c'), R"(,"layers":[)", layer, "]}"),
                     kManifestType);
    });
  };
  EXPECT_EQ(why(R"({"size":1})"), "layers[0].digest: missing");
  EXPECT_EQ(why(R"({"digest":"sha256:ab","size":1})"), "layers[0]: digest \"sha256:ab\" is malformed");
  EXPECT_EQ(why(cat(R"({"digest":")", digest('a'), "\"}")), "layers[0].size: missing");
  EXPECT_EQ(why(cat(R"({"digest":")", digest('a'), R"(","size":-1})")),
            "layers[0].size: -1 is not between 0 and 9223372036854775807");
  EXPECT_EQ(why("null"), "layers[0]: expected object, got null");
}

TEST(Manifest, TheNumberOfLayersIsLimited) {
  Strings layers(1025, descriptor('1'));
  EXPECT_EQ(error_text([&] {
              parse_manifest(
                  cat(R"({"schemaVersion":2,"config":)", descriptor('c'), R"(,"layers":[)", join(layers, ","), "]}"),
                  kManifestType);
            }),
            "more than 1024 layers");
}

TEST(MediaTypes, ParametersDoNotMatter) {
  EXPECT_TRUE(is_index_type("application/vnd.docker.distribution.manifest.list.v2+json"));
  EXPECT_TRUE(is_manifest_type(cat(kManifestType, " ; x=y")));
  EXPECT_FALSE(is_manifest_type(kIndexType));
  EXPECT_FALSE(is_index_type("application/json"));
}

TEST(Manifest, AnArtifactIsNoImage) {
  const auto of = [](const char* type) { return Manifest{.config = {.media_type = type}, .layers = {{}}}; };
  for (const char* type : {"application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json",
                           "application/octet-stream", ""})
    EXPECT_EQ(error_text([&] { check_runnable(of(type)); }), "") << type;
  EXPECT_EQ(error_text([&] { check_runnable(of("application/vnd.cncf.helm.config.v1+json")); }),
            "no image that can run: its configuration is of the type \"application/vnd.cncf.helm.config.v1+json\"");
}

TEST(Manifest, WithoutLayersThereIsNothingToRun) {
  EXPECT_EQ(error_text([&] { check_runnable({}); }), "the image has no layers: not creating ACI");
}

TEST(LayerCompression, IsInTheTypeAndNeverGuessed) {
  EXPECT_EQ(layer_compression("application/vnd.oci.image.layer.v1.tar"), LayerCompression::none);
  EXPECT_EQ(layer_compression("application/vnd.oci.image.layer.v1.tar+zstd"), LayerCompression::zstd);
  EXPECT_EQ(layer_compression("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"), LayerCompression::gzip);
  EXPECT_EQ(layer_compression("application/vnd.docker.image.rootfs.diff.tar.gzip"), LayerCompression::gzip);
  EXPECT_EQ(layer_compression("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"), LayerCompression::gzip);
  EXPECT_EQ(error_text([] { layer_compression("application/vnd.oci.image.layer.v1.tar+xz"); }),
            "layers of type \"application/vnd.oci.image.layer.v1.tar+xz\" are not supported");
}

TEST(SelectPlatform, TakesTheEntryOfTheHost) {
  const Strings entries = {descriptor('a', platform("linux", "arm64", "v8")),
                           descriptor('b', platform("linux", "amd64")), descriptor('c', platform("windows", "amd64"))};
  EXPECT_EQ(chosen(entries, {"linux", "amd64", ""}), 'b');
  EXPECT_EQ(chosen(entries, {"linux", "arm64", "v8"}), 'a');
}

TEST(SelectPlatform, PrefersTheOwnVariantThenLowerOnes) {
  const Strings arms = {descriptor('5', platform("linux", "arm", "v5")),
                        descriptor('6', platform("linux", "arm", "v6")),
                        descriptor('7', platform("linux", "arm", "v7"))};
  EXPECT_EQ(chosen(arms, {"linux", "arm", "v7"}), '7');
  EXPECT_EQ(chosen(arms, {"linux", "arm", "v6"}), '6');
  EXPECT_EQ(chosen({arms[0], arms[2]}, {"linux", "arm", "v6"}), '5');
  EXPECT_EQ(chosen({descriptor('1', platform("linux", "arm64"))}, {"linux", "arm64", "v8"}), '1');
}

TEST(SelectPlatform, NeverTakesALevelThatTheMachineMayNotHave) {
  EXPECT_EQ(
      chosen({descriptor('3', platform("linux", "amd64", "v3")), descriptor('1', platform("linux", "amd64", "v1"))},
             {"linux", "amd64", ""}),
      '1');
  EXPECT_EQ(error_text([] {
              select_platform(index_of({descriptor('3', platform("linux", "amd64", "v3"))}), {"linux", "amd64", ""});
            }),
            "no image for linux/amd64; there is: linux/amd64/v3");
}

TEST(SelectPlatform, SkipsAttestationsAndTakesEntriesWithoutPlatformLast) {
  const std::string attestation = descriptor(
      'f', cat(platform("linux", "amd64"), R"(,"annotations":{"vnd.docker.reference.type":"attestation-manifest"})"));
  EXPECT_EQ(chosen({attestation, descriptor('0'), descriptor('1', platform("linux", "amd64"))}, {"linux", "amd64", ""}),
            '1');
  EXPECT_EQ(chosen({attestation, descriptor('0')}, {"linux", "amd64", ""}), '0');
}

TEST(SelectPlatform, SaysWhatThereIs) {
  EXPECT_EQ(error_text([] {
              select_platform(index_of({descriptor('1', platform("unknown", "unknown")),
                                        descriptor('2', platform("linux", "arm", "v7"))}),
                              {"linux", "arm64", "v8"});
            }),
            "no image for linux/arm64/v8; there is: linux/arm/v7");
  EXPECT_EQ(error_text([] { select_platform(Index{}, {"linux", "amd64", ""}); }),
            "no image for linux/amd64; there is: none");
}

TEST(Config, ReadsWhatIsExecuted) {
  const auto c = parse_config(
      cat(R"({"os":"linux","architecture":"amd64","author":"me","config":{"User":"u","Env":["A=b"],"Cmd":["c"],)",
          R"("ExposedPorts":{"80/tcp":{},"53/udp":{}},"Volumes":{"/v":{}},"Labels":{"l":"m"},"WorkingDir":"/w"},)",
          R"("rootfs":{"type":"layers","diff_ids":[")", digest('1'), "\"]}}"));
  ASSERT_TRUE(c.config);
  EXPECT_EQ(c.config->exposed_ports, (Strings{"53/udp", "80/tcp"}));
  EXPECT_EQ(c.config->volumes, Strings{"/v"});
  EXPECT_EQ(c.config->labels.at(0).second, "m");
  EXPECT_EQ(c.diff_ids, Strings{digest('1')});
}

TEST(Config, ErrorsSayWhereInTheDocument) {
  const auto why = [](std::string_view rootfs) {
    return error_text([&] { parse_config(cat(R"({"os":"linux","architecture":"amd64","rootfs":)", rootfs, "}")); });
  };
  EXPECT_EQ(why(R"({"type":"tree"})"), "rootfs: type is \"tree\", not \"layers\"");
  EXPECT_EQ(why(R"({"type":"layers","diff_ids":[5]})"), "rootfs.diff_ids[0]: expected string, got number");
  EXPECT_EQ(why(R"({"type":"layers","diff_ids":["x"]})"), "digest \"x\" has no algorithm that can be verified");
  EXPECT_EQ(error_text([] { parse_config(R"({"os":"linux"})"); }), "architecture: missing");
}

TEST(ChainIds, HashEachLayerOntoTheOnesBelow) {
  EXPECT_EQ(chain_ids({}), Strings{});
  const auto ids = chain_ids({digest('1'), digest('2')});
  EXPECT_EQ(ids[0], digest('1'));
  EXPECT_EQ(ids[1], "sha256:9932074217c35353d2e03a3f5a86549f7c67bfeb0ba53e23d69f4d4c8f7958f5");
}

}  // namespace
}  // namespace rkt::oci
