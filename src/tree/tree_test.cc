// SPDX-License-Identifier: Apache-2.0
#include "tree/tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/strings.h"
#include "sys/file.h"
#include "sys/tempdir.h"
#include "tree/entries.h"
#include "tree/record.h"
#include "tree/render.h"

namespace rkt::tree {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Trees as rendering leaves them, without rendering.
class TreeTest : public testing::Test {
 protected:
  std::string chain(char c) { return cat("chain-sha256-", std::string(64, c)); }
  void put(const std::string& id, const std::string& marker, const std::vector<std::string>& below = {}) {
    const DirFd dir = store_.trees().make_sub(id);
    dir.make_sub("rootfs");
    write_entries(dir);
    std::string lower;
    for (const auto& l : below) lower += l + "\n";
    if (id.starts_with("chain")) write_file(dir, "lower", lower, 0644);
    write_file(dir, "rendered", marker, 0644);
  }
  TempDir tmp_;
  store::Store store_ = store::Store::open(tmp_.path() + "/data");
};

TEST_F(TreeTest, OpensWithTheTreesBelowTopFirst) {
  put(chain('1'), kSynced);
  put(chain('2'), boot_id(), {chain('1')});
  const Tree t = open(store_, chain('2'));
  EXPECT_THAT(t.lowers, ElementsAre(cat(store_.path(), "/tree/", chain('2'), "/rootfs"),
                                    cat(store_.path(), "/tree/", chain('1'), "/rootfs")));
}

TEST_F(TreeTest, WhatIsBelowIsNotWhatItsNoteAloneSays) {
  put(chain('1'), kSynced);
  put(chain('2'), kSynced, {chain('1')});
  put(chain('3'), kSynced, {chain('2'), chain('1')});
  put("deps-sha512-aa", kSynced);
  const auto say = [&](const std::string& id, const std::string& text) {
    write_file(store_.trees().sub(id), kLower, text, 0644);
  };
  say("deps-sha512-aa", chain('1') + "\n");
  EXPECT_EQ(open(store_, "deps-sha512-aa").lowers.size(), 1U) << "what an ACI needs is in its own tree";
  EXPECT_EQ(open(store_, chain('3')).lowers.size(), 3U);
  for (const auto& wrong : {lower_note({chain('1'), chain('2')}), lower_note({chain('2')}), std::string("/etc\n")}) {
    say(chain('3'), wrong);
    EXPECT_THROW(open(store_, chain('3')), Error) << wrong;
  }
  store_.trees().unlink(chain('3') + "/lower");
  EXPECT_THROW(open(store_, chain('3')), Error);
  // Only the index knows that the layers are all there.
  say(chain('3'), "");
  EXPECT_EQ(open(store_, chain('3')).lowers.size(), 1U);
  store::ImageRecord image{.key = cat("sha512-", std::string(64, 'a')), .kind = store::ImageKind::oci, .name = "x"};
  for (const char c : {'1', '2', '3'}) image.chain.push_back(cat("sha256:", std::string(64, c)));
  store_.add(image);
  EXPECT_THROW(open(store_, chain('3')), Error);
  say(chain('3'), lower_note({chain('2'), chain('1')}));
  EXPECT_EQ(open(store_, chain('3')).lowers.size(), 3U);
}

TEST_F(TreeTest, ATreeOfAnEarlierBootThatWasNeverSyncedIsNotThere) {
  put(chain('1'), "11111111-1111-1111-1111-111111111111");
  EXPECT_THROW(open(store_, chain('1')), Error);
  put(chain('1'), "");
  EXPECT_THROW(open(store_, chain('1')), Error) << "a marker that a crash cut short";
}

TEST_F(TreeTest, SyncMakesTreesOfThisBootLast) {
  put(chain('1'), boot_id());
  put(chain('2'), "11111111-1111-1111-1111-111111111111");
  sync(store_);
  EXPECT_EQ(read_file(store_.trees(), chain('1') + "/rendered"), kSynced);
  EXPECT_NE(read_file(store_.trees(), chain('2') + "/rendered"), kSynced) << "nobody knows whether it is complete";
}

TEST_F(TreeTest, CollectKeepsWhatIsReferencedAndEverythingBelowIt) {
  put(chain('1'), kSynced);
  put(chain('2'), kSynced, {chain('1')});
  put(chain('3'), kSynced, {chain('2'), chain('1')});
  put("deps-sha512-aa", kSynced);
  EXPECT_THAT(collect(store_, {chain('2')}), ElementsAre(chain('3'), "deps-sha512-aa"));
  EXPECT_THAT(collect(store_, {}), ElementsAre(chain('2'), chain('1'))) << "from the top";
  EXPECT_THAT(store_.trees().names(), IsEmpty());
}

TEST_F(TreeTest, CollectKeepsTheLayersThatTheIndexKnowsWhateverANoteSays) {
  put(chain('1'), kSynced);
  put(chain('2'), kSynced);  // as if there were none below
  store::ImageRecord image{.key = cat("sha512-", std::string(64, 'a')), .kind = store::ImageKind::oci, .name = "x"};
  for (const char c : {'1', '2'}) image.chain.push_back(cat("sha256:", std::string(64, c)));
  store_.add(image);
  EXPECT_THAT(collect(store_, {chain('2')}), IsEmpty());
  EXPECT_THAT(collect(store_, {}), testing::UnorderedElementsAre(chain('2'), chain('1')));
}

TEST_F(TreeTest, CollectRemovesWhatKilledProcessesLeftButNotWhatIsBeingMade) {
  store_.trees().make_sub(".deps-sha512-aa.new-1");
  store_.trees().make_sub(".deps-sha512-bb.new-1");
  const KeyLock busy = KeyLock::take(store_.locks(), "tree-deps-sha512-bb", LockMode::exclusive);
  collect(store_, {});
  EXPECT_THAT(store_.trees().names(), ElementsAre(".deps-sha512-bb.new-1"));
}

TEST_F(TreeTest, RefusesAnIdThatIsAPath) {
  EXPECT_THROW(open(store_, "deps-sha512-../../x"), Error);
  EXPECT_THROW(open(store_, ".."), Error);
}

}  // namespace
}  // namespace rkt::tree
