// SPDX-License-Identifier: Apache-2.0
#include "cli/app_flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/strings.h"
#include "cli/parse.h"
#include "cli/parser.h"
#include "sys/file.h"
#include "sys/tempdir.h"

namespace rkt::cli {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

Flags run_flags() {
  Flags out = pod_flags();
  for (const auto& flags : {app_flags(), network_flags()}) out.insert(out.end(), flags.begin(), flags.end());
  return out;
}

Parsed parsed(const std::vector<std::string>& tokens) {
  const Command run{.name = "run", .flags = run_flags, .args_mode = Command::Args::images, .app_args = true};
  Parser p(run, global_flags());
  p.parse(tokens);
  return p.command();
}

stage0::AppRequest app_of(std::vector<std::string> flags) {
  flags.insert(flags.begin(), "image");
  return app_request(parsed(flags).images.at(0));
}

template <class Body>
std::string error_of(Body&& body) {
  try {
    body();
  } catch (const Error& e) {
    return e.brief();
  }
  return "";
}
std::string parse_error(const std::vector<std::string>& tokens) {
  return error_of([&] { parsed(tokens); });
}

TEST(AppRequest, TakesWhatFollowsTheImage) {
  const auto r = app_of({"--exec=/bin/sh", "--user=1000", "--memory=64M", "--cpu-shares=512", "--name=web",
                         "--readonly-rootfs=true", "--mount=volume=data,target=/data", "--", "-c", "true"});
  EXPECT_EQ(r.exec, "/bin/sh");
  EXPECT_EQ(r.user, "1000");
  EXPECT_EQ(r.memory, "64M");
  EXPECT_EQ(r.cpu_shares, 512);
  EXPECT_EQ(r.name, "web");
  EXPECT_TRUE(r.read_only_rootfs);
  ASSERT_EQ(r.mounts.size(), 1U);
  EXPECT_EQ(r.mounts[0].volume, "data");
  EXPECT_EQ(r.mounts[0].path, "/data");
  EXPECT_THAT(r.args, ElementsAre("-c", "true"));
}

TEST(AppRequest, ListsAccumulateAndKeysKeepTheLastValue) {
  const auto r = app_of({"--supplementary-gids=1,2", "--supplementary-gids=3", "--environment=A=1", "--environment=A=2",
                         "--user-label=k=v", "--annotation=example.com/x=y"});
  EXPECT_THAT(*r.supplementary_gids, ElementsAre(1, 2, 3));
  EXPECT_THAT(r.environment, ElementsAre(appc::EnvVar{"A", "2"}));
  EXPECT_THAT(r.user_labels, ElementsAre(Pair("k", "v")));
  EXPECT_THAT(r.annotations, ElementsAre(appc::Annotation{"example.com/x", "y"}));
}

TEST(AppRequest, TheOldNamesOfCapabilityFlagsCount) {
  EXPECT_THAT(*app_of({"--cap-retain=CAP_CHOWN,CAP_KILL"}).caps_retain, ElementsAre("CAP_CHOWN", "CAP_KILL"));
  EXPECT_THAT(*app_of({"--caps-remove=CAP_KILL"}).caps_remove, ElementsAre("CAP_KILL"));
}

TEST(AppFlags, BadValuesHaveTheReferencesReasons) {
  EXPECT_THAT(parse_error({"i", "--memory=16"}), HasSubstr("memory limit of 16 bytes too low"));
  EXPECT_THAT(parse_error({"i", "--cpu-shares=1"}),
              HasSubstr("os/linux/cpu-shares must be between 2 and 262144, got 1"));
  EXPECT_THAT(parse_error({"i", "--oom-score-adj=1001"}),
              HasSubstr("os/linux/oom-score-adj must be between -1000 and 1000, got 1001"));
  EXPECT_THAT(parse_error({"i", "--exec=a", "--exec=b"}),
              HasSubstr("for --exec=b: --exec specified multiple times for the same image"));
  EXPECT_THAT(parse_error({"--set-env=A=1", "--set-env=A=2", "i"}), HasSubstr("key \"A\" already set"));
  EXPECT_THAT(parse_error({"i", "--cpu-shares=x"}), HasSubstr("strconv.Atoi: parsing \"x\": invalid syntax"));
  EXPECT_THAT(parse_error({"i", "--supplementary-gids=a"}), HasSubstr("--supplementary-gids must be integers"));
  EXPECT_THAT(parse_error({"i", "--readonly-rootfs=maybe"}), HasSubstr("--readonly-rootfs must be set with a boolean"));
  EXPECT_THAT(parse_error({"i", "--environment=A"}), HasSubstr("invalid format of --environment flag \"A\""));
  for (const auto* flag : {"annotation", "user-annotation", "user-label"})
    EXPECT_THAT(parse_error({"i", cat("--", flag, "=A")}), HasSubstr(cat("invalid format of --", flag, " flag \"A\"")));
  EXPECT_THAT(parse_error({"i", "--annotation=A=1"}), HasSubstr("ACIdentifier"));
  EXPECT_THAT(parse_error({"--set-env=A", "i"}), HasSubstr("must be specified as key=value"));
  EXPECT_THAT(parse_error({"--volume=a,kind=disk", "i"}), HasSubstr("invalid value in --volume flag \"a,kind=disk\""));
}

TEST(ParseMount, IsAQuery) {
  const auto m = parse_mount("volume=data,target=/with%20blank+and%2Ccomma");
  EXPECT_EQ(m.volume, "data");
  EXPECT_EQ(m.path, "/with blank and,comma");
  EXPECT_EQ(error_of([] { parse_mount("volume=data,path=/x"); }), "unknown mount parameter \"path\"");
  EXPECT_THAT(error_of([] { parse_mount("volume=DATA,target=/x"); }),
              HasSubstr("invalid volume name \"DATA\" in --mount flag"));
  EXPECT_THAT(error_of([] { parse_mount("volume=data,target=x"); }), HasSubstr("must be an absolute path"));
}

TEST(PodRequest, MountsBeforeTheFirstImageAreThePods) {
  const auto in =
      parsed({"--volume=data,kind=empty", "--mount=volume=data,target=/all", "a", "--mount=volume=data,target=/one"});
  const auto r = pod_request(in);
  ASSERT_EQ(r.mounts.size(), 1U);
  EXPECT_EQ(r.mounts[0].path, "/all");
  EXPECT_EQ(r.volumes.size(), 1U);
  EXPECT_TRUE(r.overlay);
}

class EnvFile : public testing::Test {
 protected:
  std::vector<appc::EnvVar> read(std::string_view text) const {
    write_file(tmp.dir(), "env", text, 0644);
    return pod_request(parsed({"--set-env-file=" + tmp.path() + "/env", "i"})).set_env_file;
  }
  TempDir tmp;
};

TEST_F(EnvFile, CommentsAndEmptyLinesAreSkippedAndNothingIsTrimmed) {
  EXPECT_THAT(read("# x\n; y\n\nA= 1 \nB=x=y\n"), ElementsAre(appc::EnvVar{"A", " 1 "}, appc::EnvVar{"B", "x=y"}));
}

TEST_F(EnvFile, ThatIsMissingIsNamedAsTheReferenceDoes) {
  EXPECT_EQ(error_of([] { pod_request(parsed({"--set-env-file=/no/file", "i"})); }),
            "open /no/file: no such file or directory");
}

TEST_F(EnvFile, WhatIsNoVariableIsNamedWithItsFile) {
  EXPECT_THAT(error_of([&] { read("novalue\n"); }),
              HasSubstr("environment variable must be specified as name=value (file "));
  EXPECT_THAT(error_of([&] { read("=1\n"); }), HasSubstr("must be specified as name=value"));
  EXPECT_THAT(error_of([&] { read("A=1\nA=2\n"); }), HasSubstr("environment variable \"A\" already set (file "));
}

TEST(PodManifestFlag, ExcludesWhatDescribesThePod) {
  const TempDir tmp;
  write_file(tmp.dir(), "pod.json", "{}", 0644);
  const std::string flag = "--pod-manifest=" + tmp.path() + "/pod.json";
  EXPECT_EQ(pod_request(parsed({flag})).pod_manifest_bytes, "{}");
  for (const auto* other : {"image", "--volume=a,kind=empty", "--port=a:1", "--inherit-env", "--set-env=A=1",
                            "--pull-policy=never", "--store-only"})
    EXPECT_EQ(error_of([&] { pod_request(parsed({flag, other})); }),
              "conflicting flags set with --pod-manifest (see --help)")
        << other;
}

TEST(PodManifestFlag, ThatCannotBeReadIsFoundWhenThePodIsMade) {
  EXPECT_EQ(error_of([] { pod_request(parsed({"--pod-manifest=/no/file"})); }),
            "error setting up stage0: open /no/file: no such file or directory");
}

TEST(SandboxPort, WhatIsWrongIsNamed) {
  const Command command{.name = "app sandbox", .flags = sandbox_flags};
  const auto error = [&](const std::string& port) {
    return error_of([&] { Parser(command, global_flags()).parse({cat("--port=", port)}); });
  };
  EXPECT_EQ(error("a:tcp:1:0.0.0.0:2"), "");
  EXPECT_THAT(error("a:tcp:1"), HasSubstr("--port invalid format"));
  EXPECT_THAT(error("a:xx:1:0.0.0.0:2"), HasSubstr("invalid protocol \"xx\""));
}

TEST(SandboxNetworks, NeedAValue) {
  const Command command{.name = "app sandbox", .flags = sandbox_flags};
  const auto error = [&](const std::vector<std::string>& words) {
    return error_of([&] { Parser(command, global_flags()).parse(words); });
  };
  EXPECT_EQ(error({"--net", "none"}), "");
  EXPECT_EQ(error({"--net"}), "flag needs an argument: --net");
}

TEST(PullPolicy, DeprecatedFlagsCountAndUnknownWordsAreNew) {
  EXPECT_EQ(pull_policy(parsed({"i"})), "new");
  EXPECT_EQ(pull_policy(parsed({"--pull-policy=sometimes", "i"})), "new");
  EXPECT_EQ(pull_policy(parsed({"--store-only", "i"})), "never");
  EXPECT_EQ(pull_policy(parsed({"--no-store", "i"})), "update");
  EXPECT_EQ(error_of([] { pull_policy(parsed({"--store-only", "--no-store", "i"})); }),
            "both --store-only and --no-store specified");
}

TEST(RunOptions, NetworksAccumulateAndABareFlagIsTheDefault) {
  EXPECT_EQ(run_options(parsed({"--net", "i"})).net.str(), "default");
  EXPECT_EQ(parse_error({"--net=a,a", "i"}), "invalid argument \"a,a\" for --net=a,a: found duplicate netname \"a\"");
  EXPECT_EQ(parse_error({"--net=a", "i", "--net=a"}),
            "invalid argument \"a\" for --net=a: found duplicate netname \"a\"");
  EXPECT_EQ(parse_error({"--net=", "i"}), "invalid argument \"\" for --net=: netname must not be empty");
  EXPECT_EQ(run_options(parsed({"--net=a", "--net=b:IP=1.2.3.4", "i"})).net.str(), "a,b:IP=1.2.3.4");
}

}  // namespace
}  // namespace rkt::cli
