// SPDX-License-Identifier: Apache-2.0
#include "cli/parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/parse.h"

namespace rkt::cli {
namespace {
using testing::ElementsAre;

Flag per_image(Flag f, bool also_before = false) {
  f.per_image = true;
  f.also_before = also_before;
  return f;
}

const Command kRun{.name = "run",
                   .flags =
                       [] {
                         return Flags{toggle("interactive", false, ""), text("hostname", "", ""),
                                      per_image(text("exec", "", "")), per_image(list("mount", ""), true),
                                      duration("grace", "30m0s", "")};
                       },
                   .args_mode = Command::Args::images,
                   .app_args = true};

Parser parsed(const Command& c, const std::vector<std::string>& tokens) {
  Parser p(c, global_flags());
  p.parse(tokens);
  return p;
}

std::string error_of(const Command& c, const std::vector<std::string>& tokens) {
  try {
    parsed(c, tokens);
  } catch (const Error& e) {
    return e.brief();
  }
  return "";
}

TEST(Parser, FlagsOfAnImageFollowItAndArgumentsEndWithThreeDashes) {
  auto p = parsed(kRun, {"--mount=all", "a", "--exec", "x", "--hostname=h", "--", "--not-a-flag", "--", "", "---", "b",
                         "--mount=one"});
  ASSERT_EQ(p.command().images.size(), 2U);
  EXPECT_EQ(p.command().images[0].last("exec"), "x");
  EXPECT_THAT(p.command().images[0].args, ElementsAre("--not-a-flag", "--"));  // none is empty
  EXPECT_THAT(p.command().images[1].all("mount"), ElementsAre("one"));
  EXPECT_THAT(p.command().list("mount"), ElementsAre("all"));
  EXPECT_EQ(p.command().text("hostname"), "h");
}

TEST(Parser, ArgumentsOfAppsAreText) {
  EXPECT_EQ(error_of(kRun, {"a", "--", "x", "caf\xe9"}),
            "app argument \"caf\xe9\": not UTF-8, as manifests are: hand such bytes to the app in a file");
}

Flag one_of(Flag f) {
  f.only_one_of = "x";
  return f;
}

TEST(Parser, UsesThatDoNotGoTogetherAreBadValues) {
  const Command c{.name = "run",
                  .flags =
                      [] {
                        return Flags{once(Flag::Once::image, per_image(text("exec", "", ""))),
                                     once(Flag::Once::key, list("set-env", "")), one_of(text("url", "", "")),
                                     one_of(text("path", "", ""))};
                      },
                  .args_mode = Command::Args::images};
  EXPECT_EQ(error_of(c, {"a", "--exec=x", "b", "--exec=y", "--exec=z"}),
            "invalid argument \"z\" for --exec=z: --exec specified multiple times for the same image");
  EXPECT_EQ(error_of(c, {"--set-env=A=1", "--set-env=AB=1", "--set-env", "A=2", "a"}),
            "invalid argument \"A=2\" for --set-env: key \"A\" already set");
  EXPECT_EQ(error_of(c, {"--url=a", "--url=b"}), "invalid argument \"b\" for --url=b: --url already used");
  EXPECT_EQ(error_of(c, {"--url=a", "--path=b"}),
            "invalid argument \"b\" for --path=b: flags --path and --url are mutually exclusive");
  EXPECT_EQ(error_of(c, {"--url=a", "--set-env=A=1", "--set-env=B=1", "a", "--exec=x", "b", "--exec=x"}), "");
}

TEST(Parser, TextsOfFlagErrorsAreTheReferences) {
  EXPECT_EQ(error_of(kRun, {"--nope"}), "unknown flag: --nope");
  EXPECT_EQ(error_of(kRun, {"-x"}), "unknown shorthand flag: 'x' in -x");
  EXPECT_EQ(error_of(kRun, {"--hostname"}), "flag needs an argument: --hostname");
  EXPECT_EQ(error_of(kRun, {"---"}), "bad flag syntax: ---");
  EXPECT_EQ(error_of(kRun, {"--exec=/bin/sh", "a"}),
            "invalid argument \"/bin/sh\" for --exec=/bin/sh: --exec must follow an image");
  EXPECT_EQ(error_of({.name = "run", .flags = [] { return Flags{per_image(text("caps-remove", "", ""))}; }},
                     {"--caps-remove=x"}),
            "invalid argument \"x\" for --caps-remove=x: --caps-remove must follow an image");
  EXPECT_EQ(error_of(kRun, {"--grace", "abc"}), "invalid argument \"abc\" for --grace: time: invalid duration \"abc\"");
  EXPECT_EQ(error_of(kRun, {"--", "--", "x"}), "an image is required before any app arguments");
  EXPECT_EQ(error_of(kRun, {"a", "--", "x", "---", "--"}), "only one set of app arguments allowed per image");
}

TEST(Parser, ABooleanTakesItsValueOnlyWithEquals) {
  auto p = parsed(kRun, {"--interactive", "true"});
  EXPECT_TRUE(p.command().on("interactive"));
  EXPECT_EQ(p.command().images.at(0).image, "true");
  EXPECT_FALSE(parsed(kRun, {"--interactive=false"}).command().on("interactive"));
}

TEST(Parser, AFewFlagsHaveALetterToo) {
  const Command logs{.name = "logs", .flags = [] { return Flags{lettered('f', toggle("follow", false, ""))}; }};
  auto p = parsed(logs, {"-f", "uuid"});
  EXPECT_TRUE(p.command().on("follow"));
  EXPECT_THAT(p.command().args, ElementsAre("uuid"));
  EXPECT_EQ(error_of(logs, {"-fx"}), "unknown shorthand flag: 'x' in -x");
  EXPECT_EQ(error_of(logs, {"-hx"}), "unknown shorthand flag: 'x' in -x");
  auto both = parsed(logs, {"-hf=false"});
  EXPECT_TRUE(both.help_asked());
  EXPECT_TRUE(both.command().given("follow") && !both.command().on("follow"));
}

TEST(Parser, HelpIsABooleanAndMeansNothingBehindAnImage) {
  EXPECT_TRUE(parsed(kRun, {"--help", "a"}).help_asked());
  EXPECT_FALSE(parsed(kRun, {"--help=false", "a"}).help_asked());
  EXPECT_FALSE(parsed(kRun, {"a", "--help", "-h"}).help_asked());
  EXPECT_EQ(error_of(kRun, {"--help=x"}),
            "invalid argument \"x\" for --help=x: strconv.ParseBool: parsing \"x\": invalid syntax");
}

TEST(Parser, ValuesThatDependOnEachOtherAreCheckedTogether) {
  const Command c{.name = "run", .flags = [] {
                    Flag net = list("net", "");
                    net.check_all = [](const std::vector<std::string>& values) {
                      if (values.size() > 1 && values[0] == values[1]) throw Error(Errc::usage, "the same again");
                    };
                    return Flags{net};
                  }};
  EXPECT_EQ(error_of(c, {"--net=a", "--net=b"}), "");
  EXPECT_EQ(error_of(c, {"--net=a", "--net=a"}), "invalid argument \"a\" for --net=a: the same again");
}

TEST(Parser, StopModeLeavesTheRestAlone) {
  const Command enter{
      .name = "enter", .flags = [] { return Flags{text("app", "", "")}; }, .args_mode = Command::Args::stop};
  auto p = parsed(enter, {"--app=x", "uuid", "--app", "-c"});
  EXPECT_THAT(p.command().args, ElementsAre("uuid", "--app", "-c"));
}

TEST(Parser, GlobalFlagsWorkAnywhere) {
  const Command list{.name = "list"};
  auto p = parsed(list, {"x", "--dir=/x", "--debug"});
  EXPECT_EQ(p.globals().text("dir"), "/x");
  EXPECT_TRUE(p.globals().on("debug"));
}

const std::vector<Command> kCommands = {{.name = "image list"}, {.name = "image rm"}, {.name = "list"},
                                        {.name = "rm"},         {.name = "run"},      {.name = "run-prepared"}};

std::string found(const std::vector<std::string>& argv) {
  const Found f = find_command(kCommands, argv, global_flags());
  if (f.command != nullptr) return std::string(f.command->name);
  return f.unknown.empty() ? "group " + f.group : "unknown " + f.unknown;
}

TEST(FindCommand, UnambiguousPrefixesAreAccepted) {
  EXPECT_EQ(found({"l"}), "list");
  EXPECT_EQ(found({"run"}), "run");
  EXPECT_EQ(found({"run-"}), "run-prepared");
  EXPECT_EQ(found({"r"}), "unknown r");
  EXPECT_EQ(found({"image", "l"}), "image list");
  EXPECT_EQ(found({"im"}), "group image");
  EXPECT_EQ(found({"image", "bogus"}), "unknown bogus");
}

TEST(FindCommand, ACommandOfOurOwnMakesNoPrefixAmbiguous) {
  const std::vector<Command> commands = {{.name = "api-service", .hidden = true},
                                         {.name = "app add", .ours = true},
                                         {.name = "image import", .ours = true},
                                         {.name = "image list"},
                                         {.name = "list"},
                                         {.name = "logs", .ours = true},
                                         {.name = "stop"},
                                         {.name = "store check", .ours = true}};
  const auto name = [&](const std::vector<std::string>& argv) {
    const Found f = find_command(commands, argv, global_flags());
    return f.command == nullptr ? f.group : std::string(f.command->name);
  };
  EXPECT_EQ(name({"l"}), "list");
  EXPECT_EQ(name({"sto"}), "stop");
  EXPECT_EQ(name({"a"}), "api-service");
  EXPECT_EQ(name({"app"}), "app");
  EXPECT_EQ(name({"i", "l"}), "image list");
  EXPECT_EQ(name({"lo"}), "logs");
  EXPECT_EQ(name({"image", "im"}), "image import");
  EXPECT_EQ(name({"stor", "c"}), "store check");
  EXPECT_THAT(suggestions(commands, "ap"), ElementsAre("app"));  // nothing hidden
}

TEST(FindCommand, AValueOfAnUnknownFlagIsNoCommand) {
  EXPECT_EQ(found({"--no-legend", "list"}), "group ");
  EXPECT_EQ(found({"--dir", "/x", "list"}), "list");
  EXPECT_EQ(found({"--debug", "list"}), "list");
  EXPECT_EQ(found({"--debug", "true", "list"}), "unknown true");
  EXPECT_EQ(found({"--", "list"}), "group ");
}

TEST(FindCommand, SuggestsCloseNames) {
  EXPECT_THAT(suggestions(kCommands, "lsit"), ElementsAre("list"));
  EXPECT_THAT(suggestions(kCommands, "r"), ElementsAre("rm", "run", "run-prepared"));
}

}  // namespace
}  // namespace rkt::cli
