// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "stage0/apps.h"
#include "stage0/stage0.h"

namespace rkt::stage0 {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

AppRequest app_request(const std::string& name = "example.com/web") {
  AppRequest r;
  r.image.key = "sha512-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
  r.manifest.name = name;
  r.manifest.labels = {{"version", "1"}, {"os", appc::host_os()}, {"arch", appc::host_arch()}};
  r.manifest.app.emplace();
  r.manifest.app->exec = {"/web", "--serve"};
  r.manifest.app->user = r.manifest.app->group = "33";
  r.manifest.app->environment = {{"A", "image"}};
  return r;
}

PrepareRequest request_of(std::vector<AppRequest> apps) {
  PrepareRequest r;
  r.apps = std::move(apps);
  return r;
}

template <class Body>
std::string error_of(Body&& body) {
  try {
    body();
  } catch (const Error& e) {
    return e.brief();
  }
  return "";
}

appc::App planned(const AppRequest& r, const PodEnvironment& e = {}) { return *plan_app(r, e, {}).app; }

std::vector<std::string> isolators(const appc::App& app) {
  std::vector<std::string> out;
  for (const auto& i : app.isolators) out.push_back(i.name);
  return out;
}

TEST(PlanApp, ArgumentsFollowTheImagesExecOrItsReplacement) {
  auto r = app_request();
  r.args = {"-v"};
  EXPECT_THAT(planned(r).exec, ElementsAre("/web", "--serve", "-v"));
  r.exec = "/bin/sh";
  EXPECT_THAT(planned(r).exec, ElementsAre("/bin/sh", "-v"));
}

TEST(PlanApp, AnImageWithoutAppNeedsExecAndRunsAsTheCaller) {
  auto r = app_request();
  r.manifest.app.reset();
  EXPECT_THAT(error_of([&] { planned(r); }), HasSubstr("has no app section and --exec argument is not provided"));
  r.exec = "/x";
  const auto app = planned(r);
  EXPECT_THAT(app.exec, ElementsAre("/x"));
  EXPECT_EQ(app.user, "0");
}

TEST(PlanApp, EnvironmentFromTheWeakestToTheStrongest) {
  auto r = app_request();
  r.environment = {{"A", "flag"}, {"B", "flag"}, {"D", "flag"}};
  const auto app = planned(r, {.inherited = {{"A", "own"}, {"B", "own"}, {"not valid", "own"}},
                               .set_env_file = {{"B", "file"}, {"C", "file"}},
                               .set_env = {{"C", "set"}, {"D", "set"}}});
  EXPECT_EQ(*app.find_env("A"), "flag");
  EXPECT_EQ(*app.find_env("B"), "file");
  EXPECT_EQ(*app.find_env("C"), "set");
  EXPECT_EQ(*app.find_env("D"), "set");
  EXPECT_EQ(app.find_env("not valid"), nullptr);
}

TEST(PlanApp, LimitsAreAppendedOrReplace) {
  auto r = app_request();
  r.manifest.app->isolators = {{"resource/memory", json::parse(R"({"limit":"1G"})")}, {"os/linux/cpu-shares", 100}};
  r.memory = "64M";
  r.cpu_shares = 512;
  EXPECT_THAT(isolators(planned(r)), ElementsAre("resource/memory", "resource/memory", "os/linux/cpu-shares"));
}

TEST(PlanApp, TooLittleMemoryIsNamed) {
  auto r = app_request();
  r.memory = "16m";
  EXPECT_EQ(error_of([&] { planned(r); }),
            "memory limit of 1 bytes too low. Try a reasonable value, such as --memory=16M");
}

TEST(PlanApp, CapabilityFlagsReplaceWhateverTheImageSays) {
  auto r = app_request();
  r.manifest.app->isolators = {{"os/linux/capabilities-remove-set", json::parse(R"({"set":["CAP_KILL"]})")}};
  r.caps_retain = {"CAP_CHOWN"};
  EXPECT_THAT(isolators(planned(r)), ElementsAre("os/linux/capabilities-retain-set"));
  r.caps_remove = {"CAP_CHOWN"};
  EXPECT_EQ(error_of([&] { planned(r); }), "error: cannot use both --caps-retain and --caps-remove on the same image");
}

TEST(PlanApp, ASeccompFlagReplacesTheImagesFilter) {
  auto r = app_request();
  r.manifest.app->isolators = {{"os/linux/seccomp-retain-set", json::parse(R"({"set":["read"]})")}};
  r.seccomp = "mode=remove,errno=EPERM,mount,umount2";
  const auto app = planned(r);
  ASSERT_THAT(isolators(app), ElementsAre("os/linux/seccomp-remove-set"));
  EXPECT_EQ(json::write(app.isolators[0].value, json::Style::compact),
            R"({"set":["mount","umount2"],"errno":"EPERM"})");
}

TEST(PlanApp, BadSeccompFlagsAreTheReferencesErrors) {
  const auto error = [](const char* flag) {
    auto r = app_request();
    r.seccomp = flag;
    return error_of([&] { planned(r); });
  };
  EXPECT_EQ(error("mount"), "invalid seccomp mode command-line override");
  EXPECT_EQ(error("mode=maybe,mount"), "invalid seccomp mode command-line override");
  EXPECT_EQ(error("mode=retain,color=red"), "invalid seccomp command-line override");
  EXPECT_THAT(error("mode=retain"), HasSubstr("set must be non-empty"));
  EXPECT_THAT(error("mode=retain,errno=X,mount"), HasSubstr("errno must start with an 'E' character, got X"));
}

TEST(PlanApp, ItsOwnMountsBeatThePodsOnTheSamePath) {
  auto r = app_request();
  r.mounts = {{.volume = "own", .path = "/data/"}};
  const auto app = plan_app(r, {}, {{.volume = "pod", .path = "/x/../data"}, {.volume = "pod", .path = "/log"}});
  ASSERT_EQ(app.mounts.size(), 2U);
  EXPECT_EQ(app.mounts[0].volume, "own");
  EXPECT_EQ(app.mounts[1].path, "/log");
}

TEST(CleanPath, IsAbsoluteAndHasNoDetours) {
  EXPECT_EQ(clean_path("/a//b/./c/../d/"), "/a/b/d");
  EXPECT_EQ(clean_path("/../.."), "/");
  EXPECT_EQ(clean_path(""), "/");
}

TEST(PlanManifest, NamesComeFromTheImageOrTheFlag) {
  auto second = app_request();
  second.name = "other";
  const auto m = plan_manifest(request_of({app_request(), second}), {});
  ASSERT_EQ(m.apps.size(), 2U);
  EXPECT_EQ(m.apps[0].name.str(), "web");
  EXPECT_EQ(m.apps[1].name.str(), "other");
  EXPECT_EQ(m.apps[0].image_name, "example.com/web");
  EXPECT_THAT(m.annotations, ElementsAre(appc::Annotation{"coreos.com/rkt/stage1/mutable", "false"}));
}

TEST(PlanManifest, OneNameTwiceIsAnError) {
  EXPECT_EQ(error_of([] { plan_manifest(request_of({app_request(), app_request("other.com/web")}), {}); }),
            "error: multiple apps with name web");
}

TEST(PlanManifest, EveryMountNeedsItsVolumeAndVolumesAreDistinct) {
  auto r = request_of({app_request()});
  r.mounts = {{.volume = "data", .path = "/data"}};
  EXPECT_EQ(error_of([&] { plan_manifest(r, {}); }), "dangling mount point \"/data\": volume \"data\" not found");
  r.volumes = {appc::Volume::parse_flag("data,kind=empty")};
  EXPECT_EQ(error_of([&] { plan_manifest(r, {}); }), "");
  r.volumes.push_back(appc::Volume::parse_flag("data,kind=host,source=/"));
  EXPECT_EQ(error_of([&] { plan_manifest(r, {}); }), "duplicate volume name \"data\"");
}

TEST(PlanManifest, TheCallersEnvironmentIsForThoseWhoAsk) {
  auto r = request_of({app_request()});
  const std::vector<appc::EnvVar> own = {{"OWN", "1"}};
  EXPECT_EQ(plan_manifest(r, own).apps[0].app->find_env("OWN"), nullptr);
  r.inherit_env = true;
  EXPECT_NE(plan_manifest(r, own).apps[0].app->find_env("OWN"), nullptr);
}

TEST(PlanManifest, AnImageForAnotherMachineIsRefused) {
  auto r = app_request();
  r.manifest.labels = {{"os", appc::host_os()}};
  EXPECT_EQ(error_of([&] { plan_manifest(request_of({r}), {}); }), "missing arch label in the image manifest");
}

TEST(PlanManifest, NoVolumeAndNoPortIsFine) {
  const auto m = plan_manifest(request_of({app_request()}), {});
  EXPECT_THAT(m.volumes, IsEmpty());
  EXPECT_THAT(m.ports, IsEmpty());
}

}  // namespace
}  // namespace rkt::stage0
