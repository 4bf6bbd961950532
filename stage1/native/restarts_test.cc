// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/restarts.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace rkt::native {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using When = appc::RestartPolicy::When;

const Restarts::Time kStart{std::chrono::hours(1)};

TEST(RestartsTest, NobodyAsked) {
  Restarts r;
  EXPECT_FALSE(r.ended(1, kStart));
  EXPECT_EQ(r.count(), 0U);
}

TEST(RestartsTest, OnFailureASuccessIsTheEnd) {
  Restarts r({.when = When::on_failure, .most = 2});
  EXPECT_FALSE(r.ended(0, kStart));
  EXPECT_TRUE(r.ended(1, kStart));
  EXPECT_TRUE(r.ended(137, kStart));
  EXPECT_FALSE(r.ended(1, kStart));
  EXPECT_EQ(r.count(), 2U);
}

TEST(RestartsTest, TheWaitDoublesUpToAMinute) {
  Restarts r({.when = When::always, .most = {}});
  r.started(kStart);
  for (const int ms : {100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000})
    EXPECT_EQ(r.ended(0, kStart), milliseconds(ms));
  EXPECT_EQ(r.count(), 12U);
}

TEST(RestartsTest, AnAppThatRanForAWhileBeginsAnew) {
  Restarts r({.when = When::always, .most = {}});
  r.started(kStart);
  (void)r.ended(1, kStart);
  (void)r.ended(1, kStart + seconds(9));
  EXPECT_EQ(r.ended(1, kStart + seconds(10)), milliseconds(100));
}

TEST(RestartsTest, OnlyWhatFailsTheSameWayAgainIsFinal) {
  for (const int err : {0, ENOENT, EACCES, ENOEXEC, ELOOP, EPERM, EINVAL}) EXPECT_TRUE(fails_again(err)) << err;
  for (const int err : {EAGAIN, ENOMEM, EMFILE, ENFILE, EADDRINUSE, ETXTBSY, ENOSPC, EIO, EBUSY})
    EXPECT_FALSE(fails_again(err)) << err;
}

}  // namespace
}  // namespace rkt::native
