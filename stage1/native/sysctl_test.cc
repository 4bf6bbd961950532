// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/sysctl.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/error_text.h"

namespace rkt::native {
namespace {

using rkt::test::error_text;
using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::StartsWith;

std::string refusal(const char* name, PodNamespaces own = {}) {
  Sysctls out;
  return error_text([&] { add_sysctls({{name, "1"}}, own, out); });
}

TEST(SysctlPath, TakesBothSeparators) {
  EXPECT_EQ(sysctl_path("net.ipv4.ip_forward"), "net/ipv4/ip_forward");
  EXPECT_EQ(sysctl_path("net/ipv4/ip_forward"), "net/ipv4/ip_forward");
  EXPECT_EQ(sysctl_path("net.ipv4.conf.eth0/1.forwarding"), "net/ipv4/conf/eth0.1/forwarding");
  EXPECT_EQ(sysctl_path("net/ipv4/conf/eth0.1/forwarding"), "net/ipv4/conf/eth0.1/forwarding");
}

TEST(SysctlPath, RefusesWhatLeadsElsewhere) {
  for (const char* name : {"", "net/../kernel/core_pattern", "net..x", "/net/x", "net.ipv4.", "net.a b", "net/./x"})
    EXPECT_EQ(error_text([&] { sysctl_path(name); }), "\"" + std::string(name) + "\" is no kernel parameter");
}

TEST(AddSysctls, TakesWhatThePodsNamespacesKeep) {
  Sysctls out;
  add_sysctls({{"net.ipv4.ip_forward", "1"}, {"kernel.shmmax", "2"}, {"fs.mqueue.msg_max", "3"}}, {}, out);
  EXPECT_THAT(
      out, ElementsAre(Pair("net/ipv4/ip_forward", "1"), Pair("kernel/shmmax", "2"), Pair("fs/mqueue/msg_max", "3")));
}

TEST(AddSysctls, RefusesWhatIsTheHosts) {
  for (const char* name : {"kernel.core_pattern", "vm.overcommit_memory", "fs.file-max", "kernel.hostname"})
    EXPECT_THAT(refusal(name),
                StartsWith("isolator os/unix/sysctl: \"" + std::string(name) + "\" would change the host"));
  EXPECT_NE(refusal("net.ipv4.ip_forward", {.network = false}), "");
  EXPECT_NE(refusal("kernel.shmmax", {.ipc = false}), "");
}

TEST(AddSysctls, RefusesTwoValues) {
  Sysctls out;
  add_sysctls({{"net.a", "1"}}, {}, out);
  add_sysctls({{"net.a", "1"}}, {}, out);
  EXPECT_EQ(out.size(), 1U);
  EXPECT_EQ(error_text([&] { add_sysctls({{"net.a", "2"}}, {}, out); }),
            "isolator os/unix/sysctl: \"net/a\" is to be \"1\" and \"2\"");
}

}  // namespace
}  // namespace rkt::native
