// SPDX-License-Identifier: Apache-2.0
#include "net/plugin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <thread>

#include "base/error.h"
#include "base/strings.h"
#include "sys/file.h"
#include "sys/tempdir.h"

namespace rkt::net {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A plugin that is a shell script.
class Plugin : public ::testing::Test {
 protected:
  PluginCall call(const std::string& script) {
    write_file(tmp_.dir(), "plugin", cat("#!/bin/sh\n", script, "\n"), 0755);
    return {.command = "ADD",
            .exe = cat(tmp_.path(), "/plugin"),
            .container_id = "id",
            .netns = "/run/netns/n",
            .if_name = "eth0",
            .args = "A=1;B=2",
            .path = {"/a", "/b"},
            .stdin_bytes = "the configuration"};
  }
  std::string failure(const std::string& script) {
    try {
      run_plugin(call(script));
    } catch (const Error& e) {
      return e.brief();
    }
    return "no error";
  }
  TempDir tmp_;
};

TEST_F(Plugin, GetsTheConfigurationOnStandardInputAndReturnsStandardOutput) {
  EXPECT_EQ(run_plugin(call("cat; echo \" $CNI_COMMAND $CNI_IFNAME $CNI_PATH\"")),
            "the configuration ADD eth0 /a:/b\n");
}

TEST_F(Plugin, SeesNothingOfTheCallersEnvironment) {
  ::setenv("RKT_LOCK_FD", "9", 1);
  const std::string seen = run_plugin(call("env"));
  ::unsetenv("RKT_LOCK_FD");
  EXPECT_THAT(seen, ::testing::Not(HasSubstr("RKT_LOCK_FD")));
  EXPECT_THAT(seen, HasSubstr("CNI_ARGS=IgnoreUnknown=1;A=1;B=2"));
}

TEST_F(Plugin, IsWaitedForWhileItIsBeingReplaced) {
  const PluginCall plugin = call("echo done");
  UniqueFd writer = tmp_.dir().open_file("plugin", O_WRONLY);
  std::thread replacing([&] {
    ::poll(nullptr, 0, 50);
    writer.reset();
  });
  EXPECT_EQ(run_plugin(plugin), "done\n");
  replacing.join();
}

TEST_F(Plugin, ThatDoesNotAnswerIsNamedAndWaitedFor) {
  PluginCall plugin = call("sleep 0.2; echo done");
  plugin.patience = std::chrono::milliseconds(20);
  ::testing::internal::CaptureStderr();
  const std::string output = run_plugin(plugin);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("/plugin\" has not answered ADD for 0 s\n"));
  EXPECT_EQ(output, "done\n");
  plugin = call("echo done");
  ::testing::internal::CaptureStderr();
  run_plugin(plugin);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST_F(Plugin, OfNoContainerSeesNone) {
  PluginCall plugin = call("env");
  plugin.command = "GC";
  plugin.container_id.clear();
  EXPECT_THAT(run_plugin(plugin), ::testing::Not(HasSubstr("CNI_NETNS")));
}

TEST_F(Plugin, SaysWhichVersionsItSpeaks) {
  EXPECT_THAT(plugin_versions(call(R"(echo '{"cniVersion":"1.0.0","supportedVersions":["0.4.0","1.0.0"]}')").exe),
              ElementsAre("0.4.0", "1.0.0"));
  EXPECT_THAT(plugin_versions(call("exit 1").exe), ::testing::IsEmpty());
}

TEST_F(Plugin, FailsWithItsMessageAndDetails) {
  EXPECT_EQ(failure("echo '{\"code\":7,\"msg\":\"no\",\"details\":\"way\"}'; exit 1"), "no; way");
}

TEST_F(Plugin, FailsWithItsOutputWhenThatIsNoErrorDocument) {
  EXPECT_THAT(failure("echo oops; exit 1"),
              HasSubstr("netplugin failed but error parsing its diagnostic message \"oops"));
  EXPECT_THAT(failure("kill -9 $$"), HasSubstr("killed by signal 9"));
}

TEST_F(Plugin, SaysWhichProgramOfTheHostIsMissing) {
  EXPECT_THAT(failure("echo '{\"code\":999,\"msg\":\"failed to locate iptables: exec: \\\"iptables\\\": executable "
                      "file not found in $PATH\"}'; exit 1"),
              HasSubstr("needs the program \"iptables\""));
}

TEST_F(Plugin, IsTheFirstRegularFileOnThePath) {
  const DirFd first = tmp_.dir().make_sub("first"), second = tmp_.dir().make_sub("second");
  first.make_sub("ptp");  // a directory of that name is no plugin
  write_file(second, "ptp", "", 0755);
  EXPECT_EQ(plugin_program({cat(tmp_.path(), "/first"), cat(tmp_.path(), "/second")}, "ptp"),
            cat(tmp_.path(), "/second/ptp"));
}

TEST_F(Plugin, IsNamedWhenItIsMissingAndNeverAPath) {
  for (const char* type : {"nothere", "../first/ptp", "/bin/sh"}) {
    try {
      plugin_program({tmp_.path()}, type);
      FAIL() << type;
    } catch (const Error& e) {
      EXPECT_EQ(e.cause(), cat("Could not find plugin ", quoted(type)));
    }
  }
}

TEST(PluginPath, BeginsWithTheLocalConfiguration) {
  EXPECT_THAT(plugin_path("/etc/rkt"),
              ElementsAre("/etc/rkt/net.d", "/usr/lib/rkt/plugins/net", "/usr/lib/cni", "/opt/cni/bin"));
  EXPECT_THAT(plugin_path(""), ElementsAre("/usr/lib/rkt/plugins/net", "/usr/lib/cni", "/opt/cni/bin"));
}

}  // namespace
}  // namespace rkt::net
