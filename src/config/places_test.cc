// SPDX-License-Identifier: Apache-2.0
#include "config/places.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace rkt::config {
namespace {

using testing::ElementsAre;

ToolPlaces places(const std::map<std::string, std::string>& env, const std::string& present = "") {
  const auto get = [&](const char* name) -> std::optional<std::string> {
    const auto found = env.find(name);
    if (found == env.end()) return std::nullopt;
    return found->second;
  };
  return tool_places(get, 7, [&](const std::string& path) { return path == present; });
}

TEST(ToolPlaces, AreThoseOfTheSystemWithoutAnEnvironment) {
  const ToolPlaces p = places({});
  EXPECT_THAT(p.auth_files, ElementsAre("/run/containers/7/auth.json"));
  EXPECT_EQ(p.registries, "/etc/containers/registries.conf");
  EXPECT_FALSE(p.registries_required || p.auth_required);
  EXPECT_THAT(p.registries_directories, ElementsAre("/etc/containers/registries.conf.d"));
  EXPECT_THAT(p.certificates, ElementsAre("/etc/containers/certs.d", "/etc/docker/certs.d"));
}

TEST(ToolPlaces, FollowHomeAndTheXdgDirectories) {
  EXPECT_THAT(places({{"HOME", "/h"}, {"XDG_RUNTIME_DIR", "/r"}}).auth_files,
              ElementsAre("/r/containers/auth.json", "/h/.config/containers/auth.json", "/h/.docker/config.json"));
  EXPECT_THAT(places({{"HOME", "/h"}, {"XDG_CONFIG_HOME", "/x"}, {"DOCKER_CONFIG", "/d"}}).auth_files,
              ElementsAre("/run/containers/7/auth.json", "/x/containers/auth.json", "/d/config.json"));
  EXPECT_THAT(places({{"HOME", "/h"}}).certificates,
              ElementsAre("/h/.config/containers/certs.d", "/etc/containers/certs.d", "/etc/docker/certs.d"));
}

TEST(ToolPlaces, ANamedFileIsTheOnlyOneAndMustBeThere) {
  const ToolPlaces p = places({{"HOME", "/h"}, {"REGISTRY_AUTH_FILE", "/a"}, {"CONTAINERS_REGISTRIES_CONF", "/c"}});
  EXPECT_THAT(p.auth_files, ElementsAre("/a"));
  EXPECT_TRUE(p.auth_required && p.registries_required);
  EXPECT_EQ(p.registries, "/c");
}

TEST(ToolPlaces, AUsersRegistriesFileTakesThePlaceOfTheSystems) {
  EXPECT_EQ(places({{"HOME", "/h"}}, "/h/.config/containers/registries.conf").registries,
            "/h/.config/containers/registries.conf");
  EXPECT_THAT(places({{"HOME", "/h"}}).registries_directories,
              ElementsAre("/etc/containers/registries.conf.d", "/h/.config/containers/registries.conf.d"));
}

}  // namespace
}  // namespace rkt::config
