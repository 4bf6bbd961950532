// SPDX-License-Identifier: Apache-2.0
#include "stage0/entrypoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace rkt::stage0 {
namespace {
using testing::ElementsAre;
using testing::IsEmpty;

const Uuid kId = Uuid::parse("6733C088-A507-4694-AABF-EDBE4FC5266F").value();
constexpr const char* kIdText = "6733c088-a507-4694-aabf-edbe4fc5266f";

Stage1 stage1_with(std::vector<appc::Annotation> annotations) {
  appc::ImageManifest m;
  m.annotations = std::move(annotations);
  return Stage1(std::move(m));
}

RunOptions all_options() {
  RunOptions o{.net = cni::NetList::parse({"default", "net2:IP=10.0.0.1"}),
               .interactive = true,
               .hostname = "db",
               .ipc = "parent",
               .local_config = "/etc/rkt",
               .debug = true};
  o.insecure.capabilities = o.insecure.paths = o.insecure.seccomp = true;
  return o;
}

TEST(Stage1, EntryPointsAndVersionComeFromAnnotations) {
  const auto s =
      stage1_with({{"coreos.com/rkt/stage1/run", "/init"}, {"coreos.com/rkt/stage1/interface-version", "6"}});
  EXPECT_EQ(s.entrypoint("run"), "/init");
  EXPECT_EQ(s.interface_version(), 6);
}

TEST(Stage1, WithoutAVersionItIsTheFirst) { EXPECT_EQ(stage1_with({}).interface_version(), 1); }

TEST(Stage1, AVersionThatIsNoNumberIsAnError) {
  EXPECT_THROW(stage1_with({{"coreos.com/rkt/stage1/interface-version", "six"}}), Error);
  EXPECT_THROW(stage1_with({{"coreos.com/rkt/stage1/interface-version", "0"}}), Error);
}

TEST(Stage1, AMissingEntryPointIsNamed) {
  try {
    stage1_with({}).entrypoint("stop");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.brief(), "entrypoint \"coreos.com/rkt/stage1/stop\" not found");
    EXPECT_EQ(e.code(), Errc::not_found);
  }
  try {
    stage1_with({}).entrypoint_for("\"attach\"", "attach");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.brief(),
              "\"attach\" not implemented for pod's stage1: entrypoint \"coreos.com/rkt/stage1/attach\" not found");
  }
}

Stage1 of_version(int version, const std::string& options = "") {
  return stage1_with({{"coreos.com/rkt/stage1/interface-version", std::to_string(version)},
                      {"coreos.com/rkt/stage1/options", options}});
}

TEST(PlanRunArgs, ExternalPluginsAreAskedOfAStage1ThatSaysItTakesThem) {
  RunOptions options;
  options.external_plugins = true;
  EXPECT_THAT(plan_run_args(of_version(6, "x,net-plugins"), options, std::nullopt, std::nullopt, kId).args,
              ElementsAre("--net=default", "--net-plugins=external", kIdText));
  const auto other = plan_run_args(of_version(6, "net-plugins-not"), options, std::nullopt, std::nullopt, kId);
  EXPECT_THAT(other.args, ElementsAre("--net=default", kIdText));
  EXPECT_THAT(other.warnings, ElementsAre("warning: --net-plugins option is not supported by stage1"));
}

TEST(PlanRunArgs, EverythingInTheOrderOfTheContract) {
  const auto call = plan_run_args(of_version(6), all_options(), "resolv=host,hosts=default", "65536:65536", kId);
  EXPECT_THAT(call.args, ElementsAre("--debug", "--net=default,net2:IP=10.0.0.1", "--interactive",
                                     "--private-users=65536:65536", "--local-config=/etc/rkt", "--hostname=db",
                                     "--dns-conf-mode=resolv=host,hosts=default", "--disable-capabilities-restriction",
                                     "--disable-paths", "--disable-seccomp", "--ipc=parent", kIdText));
  EXPECT_THAT(call.warnings, IsEmpty());
}

TEST(PlanRunArgs, WithoutFlagsOnlyTheNetworkAndTheUuid) {
  EXPECT_THAT(plan_run_args(of_version(6), {}, std::nullopt, std::nullopt, kId).args,
              ElementsAre("--net=default", kIdText));
}

TEST(PlanRunArgs, AnOldStage1IsSparedWhatItDoesNotKnow) {
  const auto call = plan_run_args(of_version(1), all_options(), "resolv=host,hosts=default", std::nullopt, kId);
  EXPECT_THAT(call.args, ElementsAre("--debug", "--net=default,net2:IP=10.0.0.1", "--interactive",
                                     "--local-config=/etc/rkt", kIdText));
  EXPECT_THAT(call.warnings, ElementsAre("warning: --hostname option is not supported by stage1",
                                         "warning: --dns-conf-mode option not supported by stage1",
                                         "warning: --ipc option is not supported by stage1"));
}

TEST(Stage1Test, WhatItWouldNotDoIsNotAskedOfIt) {
  const Stage1 able = of_version(6, "grace"), other = of_version(6);
  const StopRequest kill{.force = true, .app = "a"}, later{.grace = std::chrono::milliseconds(1500)};
  EXPECT_THAT(able.stop_args(kill), ElementsAre("--force"));
  EXPECT_THAT(able.stop_args(later), ElementsAre("--grace=1500"));
  EXPECT_THAT(other.stop_args({.force = true}), ElementsAre("--force")) << "the reference's stop has it";
  EXPECT_THROW(other.stop_args(kill), Error);
  EXPECT_THROW(other.stop_args(later), Error);
}

TEST(Stage1Test, WhatItDoesNotKnowOfIsSaid) {
  appc::PodManifest pod;
  for (const char* name : {"a", "b"})
    pod.apps.push_back(
        {.name = appc::AcName::parse(name), .image_id = appc::ImageId::from_digest(std::string(128, '0'))});
  EXPECT_THAT(of_version(6).unheeded(pod), IsEmpty());
  pod.apps[0].annotations = {{"coreos.com/rkt/stage2/restart", "no"}};
  EXPECT_THAT(of_version(6).unheeded(pod), IsEmpty());
  pod.apps[1].annotations = {{"coreos.com/rkt/stage2/restart", "always"}, {"coreos.com/rkt/stage2/stop-signal", "HUP"}};
  pod.annotations = {{"coreos.com/rkt/stage1/shm-size", "1Mi"}};
  EXPECT_THAT(of_version(6, "stop-signal").unheeded(pod),
              ElementsAre("warning: --restart option is not supported by stage1",
                          "warning: annotation \"coreos.com/rkt/stage1/shm-size\" is not supported by stage1"));
  EXPECT_THAT(of_version(6, "restart,stop-signal,shm-size").unheeded(pod), IsEmpty());
}

TEST(PlanGcArgs, TheConfigurationDirectoryIsTwoWordsFromVersionFiveOn) {
  EXPECT_THAT(plan_gc_args(5, true, "/etc/rkt", kId), ElementsAre("--debug", "--local-config", "/etc/rkt", kIdText));
  EXPECT_THAT(plan_gc_args(4, false, "/etc/rkt", kId), ElementsAre(kIdText));
  EXPECT_THAT(plan_gc_args(6, false, "", kId), ElementsAre(kIdText));
}

}  // namespace
}  // namespace rkt::stage0
