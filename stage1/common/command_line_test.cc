// SPDX-License-Identifier: Apache-2.0
#include "stage1/common/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"

namespace rkt::stage1 {
namespace {

using ::testing::ElementsAre;
using List = std::vector<std::string>;

constexpr const char* kId = "a5e5f2b0-1c2d-4e3f-8a9b-0123456789ab";

// "STATUS: TEXT"
template <class F>
std::string failure_of(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    return cat(e.exit_code(), ": ", e.brief());
  }
  return "";
}

std::string stop_failure(const List& args) {
  return failure_of([&] { parse_stop(args, true); });
}

TEST(Words, EndAtTheFirstThatIsNoFlagOrBehindTwoDashes) {
  for (const List& args : {List{"--a=1", "-b", "x", "--c"}, List{"--a=1", "-b", "--", "x", "--c"}}) {
    Words words(args);
    ASSERT_TRUE(words.next_flag());
    EXPECT_EQ(words.name(), "a");
    EXPECT_EQ(words.value(), "1");
    ASSERT_TRUE(words.next_flag());
    EXPECT_EQ(words.name(), "b");
    EXPECT_TRUE(words.on());
    EXPECT_FALSE(words.next_flag());
    EXPECT_THAT(words.rest(), ElementsAre("x", "--c"));
  }
}

TEST(Words, AValueIsBehindTheFlagOrTheNextWord) {
  const List args{"--a", "-b", "--c=", "-"};
  Words words(args);
  ASSERT_TRUE(words.next_flag());
  EXPECT_EQ(words.value(), "-b");
  ASSERT_TRUE(words.next_flag());
  EXPECT_EQ(words.value(), "");
  EXPECT_FALSE(words.next_flag()) << "a dash alone is a word";
}

TEST(Words, WhatNoFlagCanBeHasTheStatusOfTheReferencesParser) {
  EXPECT_EQ(stop_failure({"--nonsense", kId}), "2: unknown flag: --nonsense");
  EXPECT_EQ(stop_failure({"--grace"}), "2: flag needs an argument: --grace");
  EXPECT_EQ(stop_failure({"--force=maybe", kId}), "2: invalid value \"maybe\" for flag --force");
}

TEST(Words, AValueThatIsNoneHasTheStatusOfEveryError) {
  EXPECT_EQ(stop_failure({"--grace=-1", kId}), "254: invalid value \"-1\" for flag --grace");
  EXPECT_EQ(stop_failure({"--grace=2147483648", kId}), "254: invalid value \"2147483648\" for flag --grace");
  EXPECT_EQ(stop_failure({}), "254: a pod UUID is needed as the only argument");
  EXPECT_EQ(stop_failure({kId, kId}), "254: a pod UUID is needed as the only argument");
  EXPECT_EQ(stop_failure({"x"}), "254: \"x\" is no pod UUID");
}

TEST(StopOptions, KnowForceAndGraceWhereThereIsOne) {
  const auto o = parse_stop({"--debug", "--force", "--grace", "1500", kId}, true);
  EXPECT_TRUE(o.force);
  EXPECT_EQ(o.grace, std::chrono::milliseconds(1500));
  EXPECT_EQ(o.uuid.str(), kId);
  EXPECT_FALSE(parse_stop({"--force=false", kId}, false).force);
  EXPECT_EQ(failure_of([] { parse_stop({"--grace=1", kId}, false); }), "2: unknown flag: --grace");
}

NameModes modes(const std::string& text) {
  const List args{cat("--dns-conf-mode=", text)};
  Words words(args);
  words.next_flag();
  return take_name_modes(words);
}

TEST(NameModes, AreThoseOfTheInterface) {
  const auto a = modes("resolv=stage0,hosts=host");
  EXPECT_EQ(a.resolv, ResolvMode::stage0);
  EXPECT_EQ(a.hosts, HostsMode::host);
  EXPECT_EQ(modes("resolv=none").resolv, ResolvMode::none);
  EXPECT_EQ(modes("resolv=host,resolv=default").resolv, ResolvMode::by_flavor);
  EXPECT_EQ(modes("hosts=stage0").hosts, HostsMode::stage0);
  for (const char* bad : {"", "resolv=nonsense", "resolv=host,", "hosts"})
    EXPECT_EQ(failure_of([&] { modes(bad); }), cat("254: invalid value ", quoted(bad), " for flag --dns-conf-mode"));
}

}  // namespace
}  // namespace rkt::stage1
