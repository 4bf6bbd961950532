// SPDX-License-Identifier: Apache-2.0
#include "stage1/common/accounts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "sys/file.h"
#include "sys/tempdir.h"

namespace rkt::stage1 {
namespace {

using ::testing::HasSubstr;

class Accounts : public ::testing::Test {
 protected:
  Accounts() {
    const DirFd etc = tmp_.dir().make_sub("etc");
    write_file(etc, "passwd", "root:x:0:0:root:/root:/bin/sh\nweb:x:1234:55:Web:/:/bin/false\n", 0644);
    write_file(etc, "group", "root:x:0:\nwww:x:4321:web\n", 0644);
  }
  std::string failure(const std::string& user) {
    try {
      resolve_user(tmp_.dir(), user);
    } catch (const Error& e) {
      return e.tree();
    }
    return "no error";
  }
  TempDir tmp_;
};

TEST_F(Accounts, AreTakenFromTheImageByName) {
  EXPECT_EQ(resolve_user(tmp_.dir(), "web"), 1234U);
  EXPECT_EQ(resolve_group(tmp_.dir(), "www"), 4321U);
}

TEST_F(Accounts, AreNumbersWithoutALook) {
  EXPECT_EQ(resolve_user(tmp_.dir(), "77"), 77U);
  EXPECT_EQ(resolve_group(tmp_.dir(), "0"), 0U);
}

TEST_F(Accounts, RootNeedsNoFile) {
  tmp_.dir().remove_tree("etc");
  EXPECT_EQ(resolve_user(tmp_.dir(), "root"), 0U);
  EXPECT_EQ(resolve_group(tmp_.dir(), "root"), 0U);
}

TEST_F(Accounts, OfAPathAreThoseOfItsOwnerAndALinkIsNotFollowed) {
  ASSERT_EQ(::symlinkat("/nowhere", tmp_.dir().get(), "link"), 0);
  EXPECT_EQ(resolve_user(tmp_.dir(), "/etc/passwd"), ::geteuid());
  EXPECT_EQ(resolve_user(tmp_.dir(), "/link"), ::geteuid());
}

TEST_F(Accounts, AreNotReadFromTheHostThroughALink) {
  tmp_.dir().remove_tree("etc");
  ASSERT_EQ(::symlinkat("/etc", tmp_.dir().get(), "etc"), 0);
  EXPECT_THROW(resolve_user(tmp_.dir(), "daemon"), Error);
}

TEST_F(Accounts, ThatAreMissingOrOutOfRangeFail) {
  EXPECT_THAT(failure("nobody-here"), HasSubstr("failed to configure user \"nobody-here\""));
  EXPECT_THAT(failure("4294967295"), HasSubstr("Invalid uid or gid"));
  EXPECT_THAT(failure("-1"), HasSubstr("\"-1\" not found"));
  EXPECT_THAT(failure(""), HasSubstr("not found"));
}

TEST_F(Accounts, ADockerImageThatNamesNoGroupGetsTheUsersNumber) {
  appc::ImageManifest image;
  image.app.emplace();
  image.app->user = image.app->group = "web";
  appc::App app = *image.app;
  EXPECT_THROW(resolve_app_group(tmp_.dir(), app, image, 1234), Error);
  image.annotations.push_back({.name = "appc.io/docker/repository", .value = "x"});
  EXPECT_EQ(resolve_app_group(tmp_.dir(), app, image, 1234), 1234U);
  app.group = "www";
  EXPECT_EQ(resolve_app_group(tmp_.dir(), app, image, 1234), 4321U);
  app.group = "nobody-here";
  EXPECT_THROW(resolve_app_group(tmp_.dir(), app, image, 1234), Error);
}

TEST(FindAccount, RefusesAFileWithAShortLine) {
  EXPECT_THROW(find_account("a:x:1:1:::\nbroken:x:2\n", "a", 7), Error);
  EXPECT_THROW(find_account("a:x:one:1:::\n", "a", 7), Error);
}

}  // namespace
}  // namespace rkt::stage1
