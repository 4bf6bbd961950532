// SPDX-License-Identifier: Apache-2.0
#include "stage1/common/accounts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "sys/file.h"
#include "sys/tempdir.h"

namespace rkt::stage1 {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

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

class DockerGroups : public Accounts {
 protected:
  DockerGroups() {
    image_.app.emplace();
    image_.app->user = image_.app->group = "web";
    app_ = *image_.app;
    image_.annotations.push_back({.name = "appc.io/docker/repository", .value = "x"});
  }
  std::vector<gid_t> groups(uid_t uid = 1234) const {
    auto found = resolve_app_groups(tmp_.dir(), app_, image_, uid);
    found.of_image.insert(found.of_image.begin(), found.primary);
    return found.of_image;
  }
  void user_is(const char* user) { image_.app->user = image_.app->group = app_.user = app_.group = user; }
  using Ids = std::vector<gid_t>;
  appc::ImageManifest image_;
  appc::App app_;
};

TEST_F(DockerGroups, AreThoseOfTheAccountWhereNoneIsNamed) {
  write_file(tmp_.dir().sub("etc"), "group", "broken\n#c:x:7:web\nwww:x:4321:a,web\nb:x:9:webb,bweb\nlast:x:8:web\n",
             0644);
  EXPECT_EQ(groups(), (Ids{55, 4321, 8}));
  user_is("1234");
  EXPECT_EQ(groups(), (Ids{55, 4321, 8}));
  app_.supplementary_gids = {1};
  EXPECT_EQ(groups(), (Ids{55}));
}

TEST_F(DockerGroups, AreTheUsersNumberWhereItHasNoAccount) {
  write_file(tmp_.dir().sub("etc"), "passwd", "root:x:0:0:root:/root:/bin/sh\nx:x:1:web\nweb:x:1234:-1:::\n", 0644);
  EXPECT_EQ(groups(), (Ids{1234}));
  user_is("77");
  EXPECT_EQ(groups(77), (Ids{77}));
  tmp_.dir().remove_tree("etc");
  EXPECT_EQ(groups(77), (Ids{77}));
}

TEST_F(DockerGroups, AreTheNamedOneAloneWhereOneIsNamed) {
  image_.annotations.push_back({.name = std::string(appc::kDockerUser), .value = "1234:1234"});
  user_is("1234");
  EXPECT_EQ(groups(), (Ids{1234}));
  app_.group = "www";
  EXPECT_EQ(groups(), (Ids{4321}));
  app_.group = "nobody-here";
  EXPECT_THROW(groups(), Error);
}

TEST_F(DockerGroups, AreNotThoseOfAnotherUserNorOfAnotherKindOfImage) {
  app_.user = "root";
  EXPECT_EQ(groups(0), (Ids{0}));
  app_.user = "web";
  image_.annotations.clear();
  EXPECT_THROW(groups(), Error);
}

TEST(FindAccount, RefusesAFileWithAShortLine) {
  EXPECT_THROW(find_account("a:x:1:1:::\nbroken:x:2\n", "a", 7), Error);
  EXPECT_THROW(find_account("a:x:one:1:::\n", "a", 7), Error);
}

TEST_F(Accounts, AreOnlyReadFromPlainFiles) {
  const DirFd etc = tmp_.dir().sub("etc");
  etc.unlink("passwd");
  ASSERT_EQ(::mkfifoat(etc.get(), "passwd", 0644), 0);
  EXPECT_THAT(failure("web"), HasSubstr("\"etc/passwd\" is not a regular file"));
}

TEST_F(Accounts, OfWhoEntersHaveTheGroupsOfPasswdAndGroupUnlessOneIsNamed) {
  const Account web = resolve_account(tmp_.dir(), "web");
  EXPECT_EQ(web.uid, 1234U);
  EXPECT_EQ(web.groups.primary, 55U);
  EXPECT_THAT(web.groups.of_image, ElementsAre(4321U));
  EXPECT_EQ(resolve_account(tmp_.dir(), "1234").groups.primary, 55U);
  const Account named = resolve_account(tmp_.dir(), "web:7");
  EXPECT_EQ(named.groups.primary, 7U);
  EXPECT_THAT(named.groups.of_image, IsEmpty());
  EXPECT_EQ(resolve_account(tmp_.dir(), "77").groups.primary, 77U);
  for (const char* text : {"", ":7", "web:", "/etc", "web:/etc"})
    EXPECT_THROW(resolve_account(tmp_.dir(), text), Error) << text;
}

}  // namespace
}  // namespace rkt::stage1
