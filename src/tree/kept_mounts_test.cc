// SPDX-License-Identifier: Apache-2.0
// Without files that can be mounted: tests/functional/test_kept_mounts.py starts pods on such.
#include "tree/kept_mounts.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "sys/file.h"
#include "sys/mount.h"
#include "sys/tempdir.h"
#include "tree/record.h"
#include "tree/render.h"

namespace rkt::tree {
namespace {

constexpr const char* kPinsHere = "/run/rkt/trees";

// A mount namespace with a /run of its own.
class PinTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    // A namespace is mounted in an older one alone, and their numbers come from stocks of each processor's.
    cpu_set_t here;
    CPU_ZERO(&here);
    CPU_SET(static_cast<std::size_t>(::sched_getcpu()), &here);
    ASSERT_EQ(::sched_setaffinity(0, sizeof here, &here), 0);
    mounts_.emplace();
    if (::mount("run", "/run", "tmpfs", 0, "mode=755") < 0) GTEST_SKIP() << "cannot mount here";
    store_.emplace(store::Store::open(tmp_.path() + "/data"));
  }
  void make() { space_ = MountPin(*store_).make(store_->trees()); }
  static ino_t inode_of(const UniqueFd& fd) {
    struct stat st{};
    EXPECT_EQ(::fstat(fd.get(), &st), 0);
    return st.st_ino;
  }
  // A tree of one layer, which is a file.
  Tree tree_of_a_file(const std::string& id) const {
    const DirFd dir = store_->trees().make_sub(id);
    dir.make_sub("rootfs");
    write_file(dir, kTreeFile, "no file system", 0600);
    return {.id = id,
            .lowers = {cat(store_->path(), "/tree/", id, "/rootfs")},
            .files = {cat(store_->path(), "/tree/", id, "/", kTreeFile)}};
  }

  std::optional<PrivateMounts> mounts_;
  TempDir tmp_;
  std::optional<store::Store> store_;
  UniqueFd space_;
};

TEST_F(PinTest, OnlyANamespaceOfMountsIsOne) {
  const MountPin pin(*store_);
  EXPECT_FALSE(pin.open());
  struct stat st{};
  ASSERT_EQ(::fstat(store_->trees().get(), &st), 0);
  const std::string path = cat(kPinsHere, "/", st.st_dev, "-", st.st_ino);
  (void)DirFd::open(kPinsHere).open_file(path.substr(path.rfind('/') + 1), O_RDONLY | O_CREAT, 0600);
  EXPECT_FALSE(pin.open()) << "killed before it was pinned";
  ASSERT_EQ(::mount("/proc/self/ns/net", path.c_str(), nullptr, MS_BIND, nullptr), 0);
  EXPECT_FALSE(pin.open());
  MountPin::release(*store_);
  EXPECT_TRUE(DirFd::open(kPinsHere).names().empty());
}

TEST_F(PinTest, ANamespaceStaysUntilItIsReleased) {
  make();
  const MountPin pin(*store_);
  EXPECT_EQ(inode_of(pin.open()), inode_of(space_));
  {
    const auto lock = pin.lock();
    ASSERT_TRUE(lock);
    EXPECT_FALSE(pin.lock()) << "somebody holds it";
    MountPin::release(*store_);
    EXPECT_TRUE(pin.open()) << "somebody is at it";
  }
  MountPin::release(*store_);
  EXPECT_FALSE(pin.open());
  EXPECT_TRUE(DirFd::open(kPinsHere).names().empty());
  MountPin::release(*store_);  // there is none
}

TEST_F(PinTest, TheNamespaceOfADeletedDataDirectoryGoesWithTheNextThatIsMade) {
  make();
  const std::vector<std::string> before = DirFd::open(kPinsHere).names();
  store_.reset();
  tmp_.dir().remove_tree("data");
  store_.emplace(store::Store::open(tmp_.path() + "/other"));
  make();
  for (const auto& name : DirFd::open(kPinsHere).names()) EXPECT_EQ(std::ranges::count(before, name), 0) << name;
  EXPECT_TRUE(MountPin(*store_).open());
}

TEST_F(PinTest, WhoOnlyLooksMakesNothing) {
  const KeptMounts kept(*store_, KeptMounts::Missing::leave);
  EXPECT_TRUE(kept.copy(tree_of_a_file("chain-a")).empty());
  EXPECT_FALSE(MountPin(*store_).open());
  EXPECT_TRUE(KeptMounts().copy(tree_of_a_file("chain-b")).empty());
}

TEST_F(PinTest, ATreeOfDirectoriesHasNothingToKeep) {
  const KeptMounts kept(*store_, KeptMounts::Missing::make);
  EXPECT_TRUE(
      kept.copy({.id = "chain-a", .lowers = {cat(store_->path(), "/tree/chain-a/rootfs")}, .files = {""}}).empty());
}

// Its record does not hold: who starts a pod finds that out, and says so.
TEST_F(PinTest, AFileThatWasChangedIsNotKept) {
  make();
  const Tree tree = tree_of_a_file("chain-a");
  write_file(store_->trees().sub("chain-a"), kRecord, "sha256:0\nstat 0 0 0 0\n", 0600);
  const FileMounts mounts = KeptMounts(*store_, KeptMounts::Missing::make).copy(tree);
  ASSERT_EQ(mounts.size(), 1U);
  EXPECT_FALSE(mounts[0]);
}

}  // namespace
}  // namespace rkt::tree
