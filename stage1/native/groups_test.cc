// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/groups.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/strings.h"
#include "sys/tempdir.h"

namespace rkt::native {
namespace {

struct GroupsPair {
  UniqueFd ours, theirs;
  GroupsPair() {
    int pair[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    ours.reset(pair[0]);
    theirs.reset(pair[1]);
  }
};

struct stat stat_fd(int fd) {
  struct stat st{};
  EXPECT_EQ(::fstat(fd, &st), 0);
  return st;
}

// A v2 directory, and `joins` files.
cgroup::Group group_of(const DirFd& tmp, const std::string& name, std::uint8_t joins, bool tracks = true) {
  std::vector<UniqueFd> fds;
  if (tracks) fds.push_back(tmp.make_sub(name).release());
  for (int i = 0; i < joins; ++i) fds.push_back(tmp.open_file(cat(name, ".", i), O_CREAT | O_WRONLY, 0600));
  return cgroup::Group::make({.tracks = tracks, .v2 = tracks, .joins = joins}, fds);
}

TEST(Groups, ArriveInTheirOrderHoweverManyTheyAre) {
  const TempDir tmp;
  GroupsPair sockets;
  std::vector<cgroup::Group> sent;
  for (int i = 0; i < 60; ++i)
    sent.push_back(group_of(tmp.dir(), cat(i), static_cast<std::uint8_t>(i % (cgroup::Entry::kMax + 1))));
  give_groups(sockets.ours.get(), sent);
  const auto got = take_groups(sockets.theirs.get(), sent.size());
  ASSERT_EQ(got.size(), sent.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    const auto a = sent[i].entry(), b = got[i].entry();
    EXPECT_EQ(stat_fd(a.into).st_ino, stat_fd(b.into).st_ino) << i;
    ASSERT_EQ(a.joins, b.joins) << i;
    for (int n = 0; n < a.joins; ++n) EXPECT_EQ(stat_fd(a.join[n]).st_ino, stat_fd(b.join[n]).st_ino) << i;
    EXPECT_NE(::fcntl(b.into, F_GETFD) & FD_CLOEXEC, 0);
  }
}

TEST(Groups, OfAHostWithoutCgroupsHaveNoDescriptors) {
  const TempDir tmp;
  GroupsPair sockets;
  std::vector<cgroup::Group> sent(2);
  sent.push_back(group_of(tmp.dir(), "v1", 1, false));
  give_groups(sockets.ours.get(), sent);
  const auto got = take_groups(sockets.theirs.get(), 3);
  EXPECT_FALSE(got[0].tracks() || got[1].tracks());
  EXPECT_EQ(got[0].entry().into, -1);
  EXPECT_EQ(got[1].entry().joins, 0);
  EXPECT_EQ(got[2].entry().joins, 1);
}

TEST(Groups, AreNotWaitedForWhereNobodyIsLeft) {
  GroupsPair sockets;
  sockets.ours.reset();
  EXPECT_THROW(take_groups(sockets.theirs.get(), 1), Error);
}

TEST(Groups, AreNotGivenToWhoHasEnded) {
  GroupsPair sockets;
  sockets.theirs.reset();
  const std::vector<cgroup::Group> groups(1);
  EXPECT_NO_THROW(give_groups(sockets.ours.get(), groups));
}

}  // namespace
}  // namespace rkt::native
