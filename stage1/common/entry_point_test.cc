// SPDX-License-Identifier: Apache-2.0
#include "stage1/common/entry_point.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "base/error.h"

namespace rkt::stage1 {
namespace {

int answer(std::string_view name, const std::vector<std::string>& args) {
  if (name != "stop") throw Error(Errc::usage, "no such name").exit_with(3);
  if (args.empty()) throw std::runtime_error("nothing to stop");
  return static_cast<int>(args.size());
}

std::string_view as_it_is(std::string_view name) { return name; }

int run(const std::vector<std::string>& words) {
  return run_entry_point(words, {.dispatch = answer, .shown = as_it_is});
}

TEST(EntryPoint, IsNamedByWhatTheProgramWasExecutedBy) {
  EXPECT_EQ(run({"/a/b/stop", "x", "y"}), 2);
  EXPECT_EQ(run({"stop", "x"}), 1);
}

TEST(EntryPoint, EndsWithTheStatusOfAnErrorElse254) {
  EXPECT_EQ(run({"/stop/start"}), 3);
  EXPECT_EQ(run({}), 3);
  EXPECT_EQ(run({"stop"}), 254);
}

}  // namespace
}  // namespace rkt::stage1
