// SPDX-License-Identifier: Apache-2.0
#include "pod/describe.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/strings.h"
#include "pod/for_test.h"

namespace rkt::pod {
namespace {
using testing::HasSubstr;
using testing::Not;

constexpr const char* kManifest = R"({"acVersion":"2.0.0","acKind":"PodManifest","apps":[{"name":"web",
  "image":{"name":"example.com/web","id":"sha512-00ff","labels":[]},
  "app":{"exec":["/web"],"user":"0","group":"0","mountPoints":[{"name":"data","path":"/data","readOnly":true}],
         "userLabels":{"b":"2","a":"1"}},
  "mounts":[{"volume":"data","path":"/data"},{"volume":"log","path":"/log"}]}],
  "volumes":[{"name":"data","kind":"host","source":"/srv"},{"name":"log","kind":"empty","readOnly":false}],
  "userAnnotations":{"k":"v"}})";

class DescribeTest : public PodsForTest {
 protected:
  Pod pod_in(const char* place) {
    const Uuid id = make(place);
    const DirFd dir = pods.dir(place).sub(id.str());
    write_file(dir, "pod", kManifest, 0640);
    write_file(dir, "pod-created", "", 0640);
    const timespec times[2] = {{1'500'000'000, 0}, {1'500'000'000, 5}};
    EXPECT_EQ(::utimensat(dir.get(), "pod-created", times, 0), 0);
    return Pod::open(pods, id);
  }
};

TEST_F(DescribeTest, APreparedPodsAppsAreCreated) {
  const Pod pod = pod_in("prepared");
  EXPECT_EQ(json::write(describe(pod), json::Style::compact),
            cat(R"({"name":")", pod.id().str(),
                R"(","state":"prepared","app_names":["web"],"apps":[{"name":"web","state":"created",)",
                R"("created_at":1500000000000000005,"image_id":"sha512-00ff","mounts":[)",
                R"({"name":"data","container_path":"/data","host_path":"/srv","read_only":true},)",
                R"({"name":"log","container_path":"/log","host_path":"","read_only":false}],)",
                R"("user_labels":{"a":"1","b":"2"}}],"created_at":1500000000,"user_annotations":{"k":"v"}})"));
}

TEST_F(DescribeTest, ARecordedStatusMakesAnAppExitedWhileThePodRuns) {
  const Pod pod = pod_in("run");
  const auto lock = DirLock::take(pod.dir().sub(".").release(), LockMode::exclusive);
  const Pod running = Pod::open(pods, pod.id());
  EXPECT_THAT(json::write(describe(running), json::Style::compact), HasSubstr(R"("name":"web","state":"running")"));
  write_file(overlay_of(running).make_path_in_root("rkt/status"), "web", "3\n", 0644);
  const auto text = json::write(describe(running), json::Style::compact);
  EXPECT_THAT(text, HasSubstr(R"("name":"web","state":"exited")"));
  EXPECT_THAT(text, HasSubstr(R"("exit_code":3)"));
  EXPECT_THAT(text, Not(HasSubstr("finished_at")));
}

TEST_F(DescribeTest, TheTimeOfMarkingIsTheBestGuessForTheEnd) {
  EXPECT_THAT(json::write(describe(pod_in("exited-garbage")), json::Style::compact), HasSubstr("\"finished_at\":"));
}

TEST_F(DescribeTest, NetworksAreShownOfPodsThatRunOrRan) {
  constexpr const char* kNetInfo = R"([{"netName":"default","netConf":"c","pluginPath":"p","ifName":"eth0",
    "ip":"172.16.28.2","args":"","mask":"255.255.255.0"}])";
  const Pod exited = pod_in("run"), prepared = pod_in("prepared");
  for (const Pod* pod : {&exited, &prepared}) write_file(pod->dir(), "net-info.json", kNetInfo, 0644);
  EXPECT_EQ(networks_text(shown_networks(exited)), "default:ip4=172.16.28.2");
  EXPECT_EQ(networks_text(shown_networks(prepared)), "");
}

TEST_F(DescribeTest, APodThatIsNotPreparedYetHasNoDescription) {
  const Pod pod = pod_in("prepare");
  EXPECT_EQ(error_of([&] { describe(pod); }), "invalid creation time");
}

}  // namespace
}  // namespace rkt::pod
