// SPDX-License-Identifier: Apache-2.0
#include "cli/usage.h"

#include <gtest/gtest.h>

#include "cli/app_flags.h"

namespace rkt::cli {
namespace {

const std::vector<Command> kListed = {
    {.name = "image list",
     .brief = "List images",
     .flags = [] { return Flags{toggle("full", false, "long form"), text("format", "", "form")}; }},
    {.name = "version", .brief = "Print versions"}};

TEST(Usage, OfACommandListsItsFlagsSortedThenTheGlobalOnes) {
  const std::string u = usage(kListed, "image list");
  EXPECT_TRUE(
      u.starts_with("NAME:\n\timage list - List images\n\nUSAGE:\n\trkt image list\n\nOPTIONS:\n      "
                    "--format=\"\"\tform\n      --full[=false]\tlong form\n\n"))
      << u;
  EXPECT_NE(u.find("GLOBAL OPTIONS:\n"), std::string::npos);
}

TEST(Usage, OnlyDefaultsOfPlainStringsAreQuoted) {
  const std::string u = usage(kListed, "image list");
  EXPECT_NE(u.find("--dir=/var/lib/rkt\t"), std::string::npos) << u;
  EXPECT_NE(u.find("--debug[=false]\t"), std::string::npos);
}

TEST(Usage, WhatTheReferenceHasAsAStringIsQuoted) {
  const std::vector<Command> commands = {{.name = "run", .flags = network_flags}};
  const std::string u = usage(commands, "run");
  EXPECT_NE(u.find("--hostname=\"\"\t"), std::string::npos) << u;
  EXPECT_NE(u.find("--ipc=\"\"\t"), std::string::npos);
  EXPECT_EQ(u.find("profile"), std::string::npos);  // global, hidden
}

TEST(Usage, OfRktListsCommandsWithHelpLast) {
  const std::string u = usage(kListed, "");
  const auto at = u.find("COMMANDS:\n\timage list\t");
  ASSERT_NE(at, std::string::npos) << u;
  EXPECT_LT(u.find("\tversion\t"), u.find("\thelp\t"));
  EXPECT_EQ(u.find("-h, --help"), std::string::npos);
  EXPECT_NE(usage(kListed, "", true).find("-h, --help[=false]"), std::string::npos);
}

}  // namespace
}  // namespace rkt::cli
