// SPDX-License-Identifier: Apache-2.0
#include "sys/mount.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.h"
#include "sys/caps.h"
#include "sys/ns.h"

namespace rkt {
namespace {

// Returning is not allowed to whoever is not allowed to leave.
TEST(MountHomeDeathTest, WhoNeverLeftNeedNotReturn) {
  EXPECT_EXIT(
      {
        drop_capabilities(0);
        try {
          const PrivateMounts mounts;
        } catch (const Error& e) {
          ::_exit(e.sys_errno() == EPERM ? 7 : 1);
        }
      },
      testing::ExitedWithCode(7), "");
}

struct Opened {
  int fd = -1;
};

int open_elsewhere(void* opened) {
  if (::chdir("/") == 0) static_cast<Opened*>(opened)->fd = ::open("proc", O_PATH | O_CLOEXEC);
  return 0;
}

TEST(RunApart, SharesMemoryAndDescriptorsButNoDirectory) {
  const auto before = std::filesystem::current_path();
  ASSERT_NE(before, "/");
  Opened opened;
  run_apart(open_elsewhere, &opened);
  const UniqueFd fd(opened.fd);
  EXPECT_GE(::fcntl(fd.get(), F_GETFD), 0);
  EXPECT_EQ(std::filesystem::current_path(), before);
}

TEST(RunApart, AChildThatIsKilledIsAnError) {
  EXPECT_THROW(run_apart([](void*) { return ::kill(::getpid(), SIGKILL); }, nullptr), Error);
}

}  // namespace
}  // namespace rkt
