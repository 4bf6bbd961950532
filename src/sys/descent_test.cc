// SPDX-License-Identifier: Apache-2.0
#include "sys/descent.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "sys/file.h"
#include "sys/tempdir.h"

namespace rkt {
namespace {

// What any process starts with is many times more.
class FewDescriptors {
 public:
  FewDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit few{80, before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &few);
  }
  ~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  FewDescriptors(const FewDescriptors&) = delete;
  FewDescriptors& operator=(const FewDescriptors&) = delete;

 private:
  rlimit before_{};
};

// d/d/d/…, with a file on both sides of each in the order of names.
void make_deep(const DirFd& top, int depth) {
  DirFd at = top.clone();
  for (int i = 0; i < depth; ++i) {
    write_file(at, "a", "", 0644);
    write_file(at, "z", "", 0644);
    at = at.make_sub("d");
  }
}

TEST(Descent, AnyDepthTakesFewDescriptorsAndMissesNothing) {
  const TempDir tmp;
  make_deep(tmp.dir(), 3000);
  const FewDescriptors few;
  Descent place(tmp.dir().clone());
  int files = 0, deepest = 0, depth = 0;
  for (;;) {
    const auto name = place.next();
    if (!name && place.at_top()) break;
    if (!name) {
      EXPECT_EQ(place.up(), "d");
      --depth;
    } else if (*name == "d") {
      place.down(*name, place.at().sub(*name));
      deepest = std::max(deepest, ++depth);
    } else {
      EXPECT_TRUE(place.at().exists(*name));
      ++files;
    }
  }
  EXPECT_EQ(deepest, 3000);
  EXPECT_EQ(files, 6000);
}

TEST(Descent, TheWayBackLeadsNowhereElse) {
  const TempDir tmp;
  make_deep(tmp.dir(), 40);
  Descent place(tmp.dir().clone());
  for (int i = 0; i < 40; ++i) place.down("d", place.at().sub("d"));
  const DirFd deepest = place.at().clone();
  tmp.dir().make_sub("elsewhere");
  ASSERT_EQ(::renameat(deepest.get(), "../../d", tmp.dir().get(), "elsewhere/d"), 0);
  place.up();
  EXPECT_THROW(place.up(), Error);
}

TEST(VisitBelow, ADirectoryComesBeforeWhatItHoldsAndLinksLeadNowhere) {
  const TempDir tmp;
  const DirFd top = tmp.dir().make_sub("top");
  make_deep(top, 2);
  tmp.dir().make_sub("elsewhere").make_sub("unseen");
  ASSERT_EQ(::symlinkat("../elsewhere", top.get(), "link"), 0);
  std::string seen;
  visit_below(top, [&](const DirFd& directory, const std::string& name, const struct stat& st) {
    EXPECT_TRUE(directory.exists(name));
    seen += cat(name, S_ISDIR(st.st_mode) ? "/" : S_ISLNK(st.st_mode) ? "@" : "", " ");
  });
  EXPECT_EQ(seen, "a d/ a d/ z link@ z ");
}

TEST(RemoveTree, ATreeOfAnyDepthIsRemovedWithFewDescriptors) {
  const TempDir tmp;
  const DirFd doomed = tmp.dir().make_sub("doomed");
  make_deep(doomed, 3000);
  tmp.dir().make_sub("keep");
  write_file(tmp.dir(), "keep/file", "x", 0644);
  const FewDescriptors few;
  tmp.dir().remove_tree("doomed");
  EXPECT_FALSE(tmp.dir().exists("doomed"));
  EXPECT_TRUE(tmp.dir().exists("keep/file"));
}

}  // namespace
}  // namespace rkt
