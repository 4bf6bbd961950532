// SPDX-License-Identifier: Apache-2.0
#include "stage1/common/lookup.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "sys/file.h"
#include "sys/tempdir.h"

namespace rkt::stage1 {
namespace {

class Lookup : public ::testing::Test {
 protected:
  Lookup() {
    bin_ = tmp_.dir().make_sub("bin");
    write_file(bin_, "tool", "", 0755);
    write_file(bin_, "text", "", 0644);
    bin_.make_sub("folder");
    tmp_.dir().make_sub("work");
  }
  std::string find(const std::string& name, const char* path = nullptr, const std::string& wd = "") {
    const std::string value = path != nullptr ? path : "";
    return find_executable(tmp_.dir(), name, path != nullptr ? &value : nullptr, wd);
  }
  std::string failure(const std::string& name, const char* path = nullptr) {
    try {
      find(name, path);
    } catch (const Error& e) {
      return e.cause();
    }
    return "no error";
  }
  TempDir tmp_;
  DirFd bin_;
};

TEST_F(Lookup, TakesAnAbsolutePathAsItIsEvenWhenNothingIsThere) { EXPECT_EQ(find("/no/such"), "/no/such"); }

TEST_F(Lookup, PutsARelativePathBelowTheWorkingDirectory) {
  EXPECT_EQ(find("./x"), "/./x");
  EXPECT_EQ(find("sub/x", nullptr, "/work"), "/work/sub/x");
}

TEST_F(Lookup, SearchesTheUsualPlacesWithoutAPath) {
  EXPECT_EQ(find("tool"), "/bin/tool");
  EXPECT_EQ(failure("nope"), "unable to find \"nope\" in \":/bin:/usr/bin\"");
}

TEST_F(Lookup, SearchesTheAppsPathAlone) {
  EXPECT_EQ(find("tool", "/sbin:/bin"), "/bin/tool");
  EXPECT_EQ(failure("tool", "/sbin"), "unable to find \"tool\" in \"/sbin\"");
  EXPECT_EQ(find("tool", "../bin", "/work"), "/work/../bin/tool");
}

TEST(ExecutablePlaces, AreAllThatIsSearchedInOrder) {
  const std::string path = "/a:b::/c/";
  EXPECT_EQ(executable_places("x", &path, "/w"), (std::vector<std::string>{"/a/x", "/w/b/x", "/w/x", "/c/x"}));
  EXPECT_EQ(executable_places("x", nullptr, "/w"), (std::vector<std::string>{"/w/x", "/bin/x", "/usr/bin/x"}));
  EXPECT_EQ(executable_places("/x", &path, "/w"), std::vector<std::string>{"/x"});
  EXPECT_EQ(executable_places("s/x", &path, "/w"), std::vector<std::string>{"/w/s/x"});
}

TEST_F(Lookup, PassesDirectoriesAndFilesWithoutTheExecutableBitBy) {
  EXPECT_NE(failure("folder"), "no error");
  EXPECT_NE(failure("text"), "no error");
}

TEST_F(Lookup, FollowsLinksInsideTheRootOnlyAndKeepsTheLinksName) {
  ASSERT_EQ(::symlinkat("/bin/tool", bin_.get(), "alias"), 0);
  ASSERT_EQ(::symlinkat("/../../../../../../usr/bin/env", bin_.get(), "outside"), 0);
  EXPECT_EQ(find("alias"), "/bin/alias");
  EXPECT_NE(failure("outside"), "no error");
}

}  // namespace
}  // namespace rkt::stage1
