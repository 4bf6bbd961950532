// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "base/strings.h"
#include "schema/oci/image.h"
#include "tests/support/error_text.h"

namespace rkt::oci {
namespace {

using rkt::test::error_text;
using Strings = std::vector<std::string>;

const MappingSource kSource{.name = "127.0.0.1:5001/Foo/bar",
                            .original_name = "127.0.0.1:5001/foo/bar:1",
                            .registry_url = "127.0.0.1:5001",
                            .repository = "foo/bar",
                            .tag = "1",
                            .manifest_digest = "sha256:m"};

Config config_of(Config::Exec exec) {
  Config c{.os = "linux", .architecture = "amd64"};
  c.config = std::move(exec);
  return c;
}
appc::App app_of(Config::Exec exec) { return *map_to_appc({}, config_of(std::move(exec)), kSource).app; }
std::string why(Config::Exec exec) {
  return error_text([&] { app_of(std::move(exec)); });
}

TEST(Mapping, NameLabelsAndAnnotationsTellWhereItCameFrom) {
  Manifest manifest;
  manifest.config.digest = "sha256:c";
  Config config = config_of({});
  config.author = "me";
  config.config->entrypoint = {"/e"};
  config.config->cmd = {"a", "<b>"};
  config.config->stop_signal = "SIGQUIT";
  const auto m = map_to_appc(manifest, config, kSource);
  EXPECT_EQ(m.name, "127.0.0.1_5001/foo/bar");
  EXPECT_EQ(m.labels, (appc::Labels{{"version", "1"}, {"os", "linux"}, {"arch", "amd64"}}));
  const auto has = [&](std::string_view name) { return *appc::find_annotation(m.annotations, name); };
  EXPECT_TRUE(m.is_docker());
  EXPECT_EQ(has("author"), "me");
  EXPECT_EQ(has("appc.io/docker/originalname"), kSource.original_name);
  EXPECT_EQ(has("appc.io/docker/registryurl"), "127.0.0.1:5001");
  EXPECT_EQ(has("appc.io/docker/repository"), "foo/bar");
  EXPECT_EQ(has("appc.io/docker/imageid"), "sha256:c");
  EXPECT_EQ(has("appc.io/docker/manifesthash"), "sha256:m");
  EXPECT_EQ(has(appc::kStopSignal), "SIGQUIT");
  EXPECT_EQ(has("appc.io/docker/entrypoint"), R"(["/e"])");
  EXPECT_EQ(has("appc.io/docker/cmd"), R"(["a","\u003cb\u003e"])");
}

TEST(Mapping, ADigestPullHasNoVersion) {
  MappingSource source = kSource;
  source.tag = "";
  EXPECT_EQ(map_to_appc({}, config_of({}), source).version(), "");
}

TEST(Mapping, AnImageWithoutConfigHasNoApp) {
  EXPECT_FALSE(map_to_appc({}, Config{.os = "linux", .architecture = "arm64"}, kSource).app);
}

TEST(Mapping, EntrypointComesBeforeCmd) {
  EXPECT_EQ(app_of({.entrypoint = {"/e", "-x"}, .cmd = {"c"}}).exec, (Strings{"/e", "-x", "c"}));
}

TEST(Mapping, UserIsSplitAndDefaultsToRoot) {
  const auto ids = [](const char* user) {
    const auto app = app_of({.user = user});
    return cat(app.user, "/", app.group);
  };
  EXPECT_EQ(ids(""), "0/0");
  EXPECT_EQ(ids("u"), "u/u");
  EXPECT_EQ(ids("u:g"), "u/g");
  EXPECT_EQ(ids(":g"), "0/g");
  EXPECT_EQ(ids("u:"), "u/0");
}

TEST(Mapping, AGroupThatIsNamedLikeTheUserIsToldFromNone) {
  const auto named = [](const char* user) {
    const auto manifest = map_to_appc({}, config_of({.user = user}), kSource);
    const auto* text = appc::find_annotation(manifest.annotations, appc::kDockerUser);
    return text ? *text : "none";
  };
  EXPECT_EQ(named(""), "none");
  EXPECT_EQ(named("7"), "none");
  EXPECT_EQ(named("7:8"), "none");
  EXPECT_EQ(named("7:7"), "7:7");
}

TEST(Mapping, LaterVariablesReplaceInPlaceAndOddOnesAreDropped) {
  const auto app = app_of({.env = {"A=1", "NOVALUE", "B=2=3", "9=x", "A=4", "E="}});
  EXPECT_EQ(app.environment, (std::vector<appc::EnvVar>{{"A", "4"}, {"B", "2=3"}, {"E", ""}}));
}

TEST(Mapping, VolumesBecomeMountPointsWithUniqueNames) {
  const auto volumes = [](Strings paths) {
    Strings out;
    for (const auto& m : app_of({.volumes = std::move(paths)}).mount_points) out.push_back(cat(m.name.str(), m.path));
    return out;
  };
  EXPECT_EQ(volumes({"/Data", "/data", "/x/y"}), (Strings{"volume-data/Data", "volume-data-1/data", "volume-x-y/x/y"}));
  EXPECT_EQ(volumes({"/a-c", "/a/b"}), (Strings{"volume-a-b/a/b", "volume-a-c/a-c"}));
  EXPECT_EQ(volumes({"/data", "data", "w"}), (Strings{"volume-data/data", "volume-w/w"}));
  EXPECT_EQ(why({.volumes = {""}}), "a volume without a path");
}

TEST(Mapping, ValuesThatNoManifestMayHoldAreRefused) {
  Config config = config_of({});
  config.created = "yesterday";
  EXPECT_EQ(error_text([&] { map_to_appc({}, config, kSource); }),
            "annotations[0]: bad date \"yesterday\", must be RFC 3339");
  EXPECT_EQ(why({.cmd = {std::string("a\0b", 3)}}), "app.exec[0]: an argument holds a NUL character");
  EXPECT_EQ(why({.env = {std::string("A=\0", 3)}}),
            "app.environment[0].value: environment variable \"A\" holds a NUL character");
}

TEST(Mapping, PortsAreNamedAfterTheirKeyAndSorted) {
  const auto app = app_of({.exposed_ports = {"99", "80/tcp", "53/udp"}});
  ASSERT_EQ(app.ports.size(), 3U);
  EXPECT_EQ(app.ports[0].name.str(), "53-udp");
  EXPECT_EQ(app.ports[0].protocol, "udp");
  EXPECT_EQ(app.ports[2].name.str(), "99");
  EXPECT_EQ(app.ports[2].protocol, "tcp");
  for (const std::string bad : {"80-90/tcp", "0/tcp", "65536", ""})
    EXPECT_EQ(why({.exposed_ports = {bad}}), cat("error parsing port ", rkt::quoted(bad)));
}

TEST(Mapping, LabelsBecomeUserLabels) {
  EXPECT_EQ(app_of({.labels = {{"b", "2"}, {"a", "1"}}}).user_labels, (appc::StringPairs{{"a", "1"}, {"b", "2"}}));
}

TEST(Mapping, TheWorkingDirectoryIsAbsolute) {
  EXPECT_EQ(app_of({.working_dir = "/w"}).working_directory, "/w");
  EXPECT_EQ(why({.working_dir = "w"}), "working directory \"w\" is not absolute");
}

TEST(Mapping, AnUnknownPlatformIsNeverTheHosts) {
  EXPECT_EQ(error_text([] { map_to_appc({}, Config{.os = "windows", .architecture = "amd64"}, kSource); }),
            "the image is for windows/amd64, which cannot run here");
  EXPECT_EQ(error_text([] { map_to_appc({}, Config{.os = "linux", .architecture = "vax"}, kSource); }),
            "the image is for linux/vax, which cannot run here");
}

TEST(Mapping, ThereAreAsManyDiffIdsAsLayers) {
  Manifest manifest;
  manifest.layers.resize(1);
  EXPECT_EQ(error_text([&] { map_to_appc(manifest, config_of({}), kSource); }),
            "the image has 1 layers, but its configuration names 0");
}

TEST(Mapping, TheSameBytesAreAnImageForEachName) {
  const auto id = [](const std::string& name, const std::string& tag) {
    MappingSource source = kSource;
    source.name = name;
    source.tag = tag;
    return image_id("bytes", map_to_appc({}, config_of({}), source)).str();
  };
  EXPECT_EQ(id("a/b", "1"), id("a/b", "1"));
  EXPECT_NE(id("a/b", "1"), id("a/b", "2"));
  EXPECT_NE(id("a/b", "1"), id("a/c", "1"));
  EXPECT_NE(id("a/b", "1"), id("a/b", ""));
}

}  // namespace
}  // namespace rkt::oci
