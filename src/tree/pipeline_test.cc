// SPDX-License-Identifier: Apache-2.0
// The order of things, with makers that do what the test says.
#include "tree/pipeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <map>

#include "base/strings.h"
#include "sys/digest.h"
#include "sys/file.h"
#include "sys/tempdir.h"
#include "tree/entries.h"

namespace rkt::tree {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using unpack::LayersBelow;

enum class Says { below, done, failed };

class PipelineTest : public testing::Test {
 protected:
  class Fake final : public Maker {
   public:
    Fake(PipelineTest& test, const Step& step, LayersBelow below) : below(below), test_(test), step_(step) {
      test_.makers[step.id] = this;
    }
    ~Fake() override { test_.makers.erase(step_.id); }
    int fd() const noexcept override { return event_.get(); }
    bool serve() override {
      std::uint64_t value = 0;
      EXPECT_EQ(::read(event_.get(), &value, sizeof value), static_cast<ssize_t>(sizeof value));
      if (said_ == Says::failed) throw Error(Errc::invalid, step_.id);
      needs_ = said_ == Says::below;
      return said_ == Says::done;
    }
    bool needs_below() const noexcept override { return needs_; }
    void give_below() override {
      needs_ = false;
      given = true;
    }
    std::string take() noexcept override {
      std::string name = cat(".", step_.id, ".new");
      test_.put_tree(name);
      return name;
    }
    void say(Says what) {
      said_ = what;
      const std::uint64_t one = 1;
      EXPECT_EQ(::write(event_.get(), &one, sizeof one), static_cast<ssize_t>(sizeof one));
    }
    LayersBelow below;
    bool given = false;

   private:
    PipelineTest& test_;
    const Step& step_;
    UniqueFd event_{::eventfd(0, EFD_CLOEXEC)};
    Says said_ = Says::done;
    bool needs_ = false;
  };

  static std::string id(std::size_t i) { return cat("chain-sha256-", std::string(64, static_cast<char>('a' + i))); }
  static std::string blob(std::size_t i) { return cat("sha256-", sha256_hex(id(i))); }
  void put_blob(std::size_t i) {
    write_file(store.partial(), "staging", id(i), 0600);
    store.commit_blob("staging", blob(i));
  }
  DirFd put_tree(const std::string& name) {
    DirFd dir = store.trees().make_sub(name, 0700);
    dir.make_sub("rootfs");
    write_entries(dir);
    write_file(dir, "lower", "", 0600);
    write_file(dir, "rendered", boot_id(), 0600);
    return dir;
  }
  Pipeline pipeline(std::size_t count, std::size_t stored) {
    std::vector<Step> steps(count);
    for (std::size_t i = 0; i < count; ++i) {
      steps[i].id = id(i);
      for (std::size_t below = i; below-- > 0;) steps[i].below.push_back(id(below));
      steps[i].blob = blob(i);
      if (i < stored) put_blob(i);
    }
    return {store, std::move(steps), {}, [this](const Step& step, LayersBelow below) {
              return std::make_unique<Fake>(*this, step, below);
            }};
  }
  Fake& maker(std::size_t i) { return *makers.at(id(i)); }
  std::vector<std::string> named() {
    std::vector<std::string> out;
    for (const auto& name : store.trees().names())
      if (!name.starts_with('.')) out.push_back(name);
    return out;
  }
  static std::string failure(Pipeline& p) {
    try {
      p.serve();
    } catch (const Error& e) {
      return e.brief();
    }
    return {};
  }

  TempDir tmp;
  store::Store store = store::Store::open(tmp.path() + "/data");
  std::map<std::string, Fake*> makers;
};

TEST_F(PipelineTest, TwoAreInProgressAndNamesAreGivenFromTheBottom) {
  auto p = pipeline(3, 3);
  p.start();
  ASSERT_EQ(makers.size(), 2U);
  EXPECT_EQ(maker(0).below, LayersBelow::ready);
  EXPECT_EQ(maker(1).below, LayersBelow::later);
  maker(1).say(Says::done);
  p.serve();
  EXPECT_THAT(named(), IsEmpty()) << "what it rests on is not complete";
  p.start();
  EXPECT_EQ(makers.size(), 2U);
  maker(0).say(Says::done);
  p.serve();
  EXPECT_THAT(named(), ElementsAre(id(0), id(1)));
  p.start();
  EXPECT_EQ(maker(2).below, LayersBelow::ready);
  maker(2).say(Says::done);
  p.serve();
  p.start();
  EXPECT_FALSE(p.in_progress());
  EXPECT_THAT(named(), ElementsAre(id(0), id(1), id(2)));
}

TEST_F(PipelineTest, WhatIsBelowIsGivenWhenItHasItsName) {
  auto p = pipeline(2, 2);
  p.start();
  maker(1).say(Says::below);
  p.serve();
  EXPECT_FALSE(maker(1).given);
  maker(0).say(Says::done);
  p.serve();
  EXPECT_TRUE(maker(1).given);
  EXPECT_THAT(named(), ElementsAre(id(0)));
}

TEST_F(PipelineTest, OfTwoErrorsTheLowerOneCounts) {
  auto p = pipeline(2, 2);
  p.start();
  maker(1).say(Says::failed);
  EXPECT_EQ(failure(p), "") << "the lower one may still fail";
  maker(0).say(Says::failed);
  EXPECT_EQ(failure(p), id(0));
}

TEST_F(PipelineTest, AnErrorCountsWhenAllBelowIsComplete) {
  auto p = pipeline(2, 2);
  p.start();
  maker(1).say(Says::failed);
  EXPECT_EQ(failure(p), "");
  maker(0).say(Says::done);
  EXPECT_EQ(failure(p), id(1));
  EXPECT_THAT(named(), ElementsAre(id(0)));
}

TEST_F(PipelineTest, LayersThatAreNotStoredAreNotStarted) {
  auto p = pipeline(2, 0);
  put_blob(1);
  p.start();
  EXPECT_FALSE(p.in_progress()) << "the lowest is missing";
  put_blob(0);
  p.start();
  EXPECT_EQ(makers.size(), 2U);
}

TEST_F(PipelineTest, TreesOfOthersAreUsedAndTheirLocksLeftAlone) {
  auto p = pipeline(2, 2);
  auto lock = std::optional(KeyLock::take(store.locks(), cat("tree-", id(0)), LockMode::exclusive));
  p.start();
  EXPECT_FALSE(p.in_progress());
  put_tree(id(0));
  lock.reset();
  p.start();
  ASSERT_EQ(makers.size(), 1U);
  EXPECT_EQ(maker(1).below, LayersBelow::ready);
}

// What a pod runs on is no less there for having been changed.
TEST_F(PipelineTest, ADirectoryThatWasChangedStaysBesideTheNewOne) {
  write_file(put_tree(id(0)).sub("rootfs"), "new", "", 0600);
  auto p = pipeline(1, 1);
  p.start();
  ASSERT_EQ(makers.size(), 1U);
  EXPECT_THAT(named(), ElementsAre(id(0))) << "until there is another";
  maker(0).say(Says::done);
  p.serve();
  EXPECT_FALSE(store.trees().exists(id(0) + "/rootfs/new"));
  EXPECT_TRUE(store.trees().exists(cat(".", id(0), ".new", kReplaced, "/rootfs/new")));
  p.start();
  EXPECT_TRUE(makers.empty());
}

TEST_F(PipelineTest, ATreeWhoseMarkerIsNoFileIsMadeAgain) {
  const DirFd dir = put_tree(id(0));
  dir.unlink("rendered");
  dir.make_sub("rendered");
  auto p = pipeline(1, 1);
  p.start();
  EXPECT_EQ(makers.size(), 1U);
}

TEST_F(PipelineTest, TreesCanBeCollectedWhileNothingIsInProgress) {
  const auto can_collect = [&] {
    const DirFd locks = DirFd::open(store.data_path() + "/locks");
    return KeyLock::try_take(locks, "prepareLock", LockMode::exclusive).has_value();
  };
  auto p = pipeline(2, 1);
  p.start();
  EXPECT_FALSE(can_collect());
  maker(0).say(Says::done);
  p.serve();
  p.start();
  EXPECT_TRUE(can_collect());
  store.trees().remove_tree(id(0));
  put_blob(1);
  p.start();
  EXPECT_EQ(makers.size(), 2U) << "what was collected is made again";
}

TEST_F(PipelineTest, NothingIsLeftOfOneThatIsDropped) {
  {
    auto p = pipeline(2, 2);
    p.start();
    EXPECT_FALSE(KeyLock::try_take(store.locks(), cat("tree-", id(1)), LockMode::exclusive));
  }
  EXPECT_TRUE(makers.empty());
  EXPECT_TRUE(KeyLock::try_take(store.locks(), cat("tree-", id(0)), LockMode::exclusive));
  EXPECT_TRUE(KeyLock::try_take(store.locks(), cat("tree-", id(1)), LockMode::exclusive));
}

}  // namespace
}  // namespace rkt::tree
