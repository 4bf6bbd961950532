// SPDX-License-Identifier: Apache-2.0
#include "sys/netlink.h"

#include <gtest/gtest.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "base/error.h"

namespace rkt {
namespace {

ino_t inode_of_own_netns() {
  struct stat st{};
  EXPECT_EQ(::stat("/proc/thread-self/ns/net", &st), 0);
  return st.st_ino;
}

TEST(SetLinkUp, SaysWhichLinkIsMissing) {
  try {
    set_link_up("no-such-link");
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.cause()).find("\"no-such-link\""), std::string::npos);
    EXPECT_EQ(e.sys_errno(), ENODEV);
  }
}

TEST(NetnsScope, VisitsANewNamespaceWithTheLoopbackDownAndComesBack) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  const ino_t home = inode_of_own_netns();
  {
    const NetnsScope scope = NetnsScope::make_new();
    EXPECT_NE(inode_of_own_netns(), home);
    const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    std::strcpy(request.ifr_name, "lo");
    ASSERT_EQ(::ioctl(socket.get(), SIOCGIFFLAGS, &request), 0);
    EXPECT_EQ(request.ifr_flags & IFF_UP, 0);
    set_link_up("lo");
    ASSERT_EQ(::ioctl(socket.get(), SIOCGIFFLAGS, &request), 0);
    EXPECT_NE(request.ifr_flags & IFF_UP, 0);
  }
  EXPECT_EQ(inode_of_own_netns(), home);
}

TEST(NetnsScope, RefusesADescriptorThatIsNoNamespace) {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  EXPECT_THROW(NetnsScope::enter(socket.get()), Error);
}

}  // namespace
}  // namespace rkt
