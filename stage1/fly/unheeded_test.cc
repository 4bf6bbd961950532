// SPDX-License-Identifier: Apache-2.0
#include "stage1/fly/unheeded.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rkt::fly {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

FlyPod pod_of(const std::string& app_fields, const std::string& pod_fields = "",
              const std::string& notes_of_image = "") {
  const std::string app = R"({"exec":["/x"],"user":"0","group":"0"})", id = "sha512-" + std::string(128, '0');
  const std::string runtime = R"({"name":"a","image":{"id":")" + id + R"("})" + app_fields + "}";
  return {
      .dir = {},
      .stage1 = {},
      .root = {},
      .manifest = appc::parse_pod_manifest(R"({"acVersion":"0.8.11","acKind":"PodManifest","apps":[)" + runtime + "]" +
                                           pod_fields + "}"),
      .image = appc::parse_image_manifest(R"({"acVersion":"0.8.11","acKind":"ImageManifest","name":"x.com/a","app":)" +
                                          app + R"(,"annotations":[)" + notes_of_image + "]}")};
}

std::string note(const std::string& name, const std::string& value) {
  return R"({"name":")" + name + R"(","value":")" + value + R"("})";
}

std::string notes(const std::string& name, const std::string& value) {
  return R"(,"annotations":[)" + note(name, value) + "]";
}

TEST(Unheeded, NothingOfAPlainPod) {
  EXPECT_THAT(find_unheeded(pod_of("")), IsEmpty());
  EXPECT_THAT(find_unheeded(pod_of(notes("coreos.com/rkt/stage2/restart", "no"))), IsEmpty());
  EXPECT_THAT(find_unheeded(pod_of(notes("coreos.com/rkt/stage2/pid", "pod"))), IsEmpty());
  EXPECT_THAT(find_unheeded(pod_of(notes("example.com/any", "x"), notes("coreos.com/rkt/stage1/mutable", "false"))),
              IsEmpty());
  EXPECT_THAT(find_unheeded(pod_of("", "", note("org.opencontainers.image.stopsignal", "sigterm"))), IsEmpty());
}

TEST(Unheeded, FlagsOfTheAppByTheirNames) {
  for (const char* flag : {"stdin", "stdout", "log-size", "stop-signal", "pid"})
    EXPECT_THAT(find_unheeded(pod_of(notes(std::string("coreos.com/rkt/stage2/") + flag, "private"))),
                ElementsAre(std::string("--") + flag));
  EXPECT_THAT(find_unheeded(pod_of(R"(,"readOnlyRootFS":true)")), ElementsAre("--readonly-rootfs"));
}

TEST(Unheeded, IsolatorsHandlersAndASignalOnce) {
  constexpr const char* kApp =
      R"(,"app":{"exec":["/x"],"user":"0","group":"0","eventHandlers":[{"name":"pre-start","exec":["/y"]}],"isolators":[
         {"name":"resource/memory","value":{"limit":"1M"}},{"name":"resource/memory","value":{"limit":"2M"}}]})";
  EXPECT_THAT(find_unheeded(pod_of(kApp, "", note("org.opencontainers.image.stopsignal", "sigquit"))),
              ElementsAre("StopSignal", "eventHandlers", "resource/memory"));
}

TEST(Unheeded, WhatThePodHasAsAWhole) {
  constexpr const char* kPod =
      R"(,"ports":[{"name":"web","hostPort":80}],"isolators":[{"name":"resource/pids","value":{"limit":"5"}}])";
  EXPECT_THAT(find_unheeded(pod_of("", kPod)), ElementsAre("--port", "resource/pids"));
  EXPECT_THAT(find_unheeded(pod_of("", notes("coreos.com/rkt/experiment/logmode", "k8s-plain"))),
              ElementsAre("coreos.com/rkt/experiment/logmode"));
}

}  // namespace
}  // namespace rkt::fly
