// SPDX-License-Identifier: Apache-2.0
#include "sys/lock.h"

#include <gtest/gtest.h>

#include "sys/tempdir.h"

namespace rkt {
namespace {

TEST(DirLock, ASecondHolderIsRefusedAndSeen) {
  const TempDir tmp;
  EXPECT_FALSE(is_locked(tmp.dir()));
  auto held = DirLock::try_take(DirFd::open(tmp.path()).release(), LockMode::exclusive);
  ASSERT_TRUE(held);
  EXPECT_TRUE(is_locked(tmp.dir()));
  EXPECT_FALSE(DirLock::try_take(DirFd::open(tmp.path()).release(), LockMode::exclusive));
  held.reset();
  EXPECT_FALSE(is_locked(tmp.dir()));
}

TEST(KeyLock, SharedHoldersMeetAndExcludeAWriter) {
  const TempDir tmp;
  const KeyLock a = KeyLock::take(tmp.dir(), "k", LockMode::shared);
  EXPECT_TRUE(KeyLock::try_take(tmp.dir(), "k", LockMode::shared));
  EXPECT_FALSE(KeyLock::try_take(tmp.dir(), "k", LockMode::exclusive));
}

}  // namespace
}  // namespace rkt
