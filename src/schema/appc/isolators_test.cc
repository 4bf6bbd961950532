// SPDX-License-Identifier: Apache-2.0
#include "schema/appc/isolators.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/support/error_text.h"

namespace rkt::appc {
namespace {

using rkt::test::error_text;
using Strings = std::vector<std::string>;

Isolator one(std::string name, const char* value) { return {std::move(name), json::parse(value)}; }

std::string isolators_error(std::vector<Isolator> isolators) {
  return error_text([&] { interpret_isolators(isolators, "list"); });
}

TEST(Quantity, KnowsDecimalBinaryAndExponentSuffixes) {
  const auto value = [](const char* text) { return Quantity::parse(text).value(); };
  EXPECT_EQ(value("42"), 42);
  EXPECT_EQ(value("1k"), 1000);
  EXPECT_EQ(value("4Ki"), 4096);
  EXPECT_EQ(value("1.5Gi"), 1610612736);
  EXPECT_EQ(value("2M"), 2000000);
  EXPECT_EQ(value("12e6"), 12000000);
  EXPECT_EQ(value("12E+2"), 1200);
  EXPECT_EQ(value("+7"), 7);
  EXPECT_EQ(value("-1k"), -1000);
}

TEST(Quantity, RoundsUpToThousandthsAndUnits) {
  EXPECT_EQ(Quantity::parse("500m").milli, 500);
  EXPECT_EQ(Quantity::parse("0.1").milli, 100);
  EXPECT_EQ(Quantity::parse("1u").milli, 1);
  EXPECT_EQ(Quantity::parse("16m").value(), 1);
  EXPECT_EQ(Quantity::parse("0.29k").value(), 290);
}

TEST(Quantity, IsCappedAtTheLargestNumber) {
  EXPECT_EQ(Quantity::parse("9999999E").milli, std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(Quantity::parse("-9999999E").milli, -std::numeric_limits<std::int64_t>::max());
}

TEST(Quantity, RefusesOtherTextsAsTheReferenceDoes) {
  const auto bad = [](const char* text) { return error_text([&] { Quantity::parse(text); }); };
  const std::string syntax =
      "error parsing request: quantities must match the regular expression "
      "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
  for (const char* text : {"", "x", ".", "1.2.3", "--1", "1 k", "1Z"}) EXPECT_EQ(bad(text), syntax) << text;
  for (const char* text : {"1K", "1ki", "1kk", "1e", "1e99"})
    EXPECT_EQ(bad(text), "error parsing request: unable to parse quantity's suffix") << text;
}

TEST(Isolators, TheLastResourceLimitWins) {
  const auto i = interpret_isolators(
      {one("resource/memory", R"({"limit":"1M"})"), one("resource/memory", R"({"request":"1k","limit":"2M"})"),
       one("resource/cpu", R"({"limit":"250m"})")},
      "app");
  EXPECT_EQ(i.memory_limit, 2000000);
  EXPECT_EQ(i.cpu_milli_limit, 250);
}

TEST(Isolators, AResourceLimitMayBeANumber) {
  EXPECT_EQ(interpret_isolators({one("resource/memory", R"({"limit":4096})")}, "").memory_limit, 4096);
}

TEST(Isolators, CapabilitySetsAddUp) {
  const auto i = interpret_isolators({one("os/linux/capabilities-retain-set", R"({"set":["CAP_KILL"]})"),
                                      one("os/linux/capabilities-retain-set", R"({"set":["CAP_CHOWN"]})"),
                                      one("os/linux/capabilities-remove-set", R"({"set":["CAP_MKNOD"]})")},
                                     "app");
  EXPECT_EQ(*i.caps_retain, (Strings{"CAP_KILL", "CAP_CHOWN"}));
  EXPECT_EQ(*i.caps_remove, (Strings{"CAP_MKNOD"}));
  EXPECT_EQ(isolators_error({one("os/linux/capabilities-retain-set", R"({"set":[]})")}),
            "list[0].value: set must be non-empty");
}

TEST(Isolators, SeccompHasAModeNamesAndAnErrno) {
  const auto i = interpret_isolators({one("os/linux/seccomp-remove-set", R"({"set":["mount"],"errno":"EPERM"})")}, "");
  ASSERT_TRUE(i.seccomp);
  EXPECT_EQ(i.seccomp->mode, SeccompSet::Mode::remove);
  EXPECT_EQ(i.seccomp->names, Strings{"mount"});
  EXPECT_EQ(i.seccomp->errno_name, "EPERM");
}

TEST(Isolators, SeccompIsGivenOnceAndOneWay) {
  const auto retain = one("os/linux/seccomp-retain-set", R"({"set":["read"]})");
  EXPECT_EQ(isolators_error({retain, one("os/linux/seccomp-remove-set", R"({"set":["mount"]})")}),
            "list[1]: isolators set contains incompatible types");
  EXPECT_EQ(isolators_error({retain, retain}),
            "list[1]: isolators set contains too many instances of type os/linux/seccomp-retain-set");
  EXPECT_EQ(isolators_error({one("os/linux/seccomp-retain-set", R"({"set":["read"],"errno":"PERM"})")}),
            "list[0].value: errno must start with an 'E' character, got PERM");
  EXPECT_EQ(isolators_error({one("os/linux/seccomp-retain-set", R"({"set":["read"],"errno":"Eperm"})")}),
            "list[0].value: errno can only contain upper case or numeric characters, got Eperm");
}

TEST(Isolators, NumbersHaveARangeAndStandOnce) {
  const auto i = interpret_isolators({one("os/linux/oom-score-adj", "-1000"), one("os/linux/cpu-shares", "2")}, "");
  EXPECT_EQ(i.oom_score_adj, -1000);
  EXPECT_EQ(i.cpu_shares, 2);
  EXPECT_EQ(isolators_error({one("os/linux/oom-score-adj", "1001")}),
            "list[0].value: os/linux/oom-score-adj must be between -1000 and 1000, got 1001");
  EXPECT_EQ(isolators_error({one("os/linux/cpu-shares", "1")}),
            "list[0].value: os/linux/cpu-shares must be between 2 and 262144, got 1");
  EXPECT_EQ(isolators_error({one("os/linux/cpu-shares", "3"), one("os/linux/cpu-shares", "3")}),
            "list[1]: isolators set contains too many instances of type os/linux/cpu-shares");
}

TEST(Isolators, NoNewPrivilegesIsNeverTakenBack) {
  const auto i = interpret_isolators(
      {one("os/linux/no-new-privileges", "true"), one("os/linux/no-new-privileges", "false")}, "app");
  EXPECT_TRUE(i.no_new_privs);
  EXPECT_EQ(isolators_error({one("os/linux/no-new-privileges", "1")}), "list[0].value: expected bool, got number");
}

TEST(Isolators, AnSelinuxContextIsComplete) {
  const char* good = R"({"user":"u","role":"r","type":"t","level":"s0:c1"})";
  EXPECT_EQ(interpret_isolators({one("os/linux/selinux-context", good)}, "").selinux->level, "s0:c1");
  EXPECT_EQ(isolators_error({one("os/linux/selinux-context", R"({"user":"u","role":"r","type":"t"})")}),
            "list[0].value: user, role, type and level must not be empty");
  EXPECT_EQ(isolators_error({one("os/linux/selinux-context", R"({"user":"u:","role":"r","type":"t","level":"l"})")}),
            "list[0].value: user, role and type must not contain ':'");
}

TEST(Isolators, DefaultIsWhereItBelongs) {
  EXPECT_EQ(isolators_error({one("resource/cpu", R"({"default":true,"limit":"1"})")}),
            "list[0].value: default must be false");
  EXPECT_EQ(isolators_error({one("resource/block-iops", R"({"limit":"1"})")}), "list[0].value: default must be true");
  EXPECT_EQ(isolators_error({one("resource/block-iops", R"({"default":true,"request":"1"})")}),
            "list[0].value: request not supported");
}

TEST(Isolators, SharedResourcesAreALimitOfEachKind) {
  const auto i = interpret_isolators({one("resource/block-bandwidth", R"({"default":true,"limit":"1Mi"})"),
                                      one("resource/block-iops", R"({"default":true,"limit":"100"})"),
                                      one("resource/network-bandwidth", R"({"default":true,"limit":"1k"})"),
                                      one("resource/pids", R"({"limit":"32"})")},
                                     "app");
  EXPECT_EQ(i.block_bandwidth, 1048576);
  EXPECT_EQ(i.block_iops, 100);
  EXPECT_EQ(i.network_bandwidth, 1000);
  EXPECT_EQ(i.pids, 32);
  EXPECT_EQ(isolators_error({one("resource/block-iops", R"({"default":true,"limit":"0"})")}),
            "list[0].value: limit must be positive");
}

TEST(Isolators, SysctlsAreNamesWithTexts) {
  const auto i = interpret_isolators({one("os/unix/sysctl", R"({"net.a":"1","net.b":"2 3"})")}, "");
  EXPECT_EQ(i.sysctls, (std::vector<std::pair<std::string, std::string>>{{"net.a", "1"}, {"net.b", "2 3"}}));
  EXPECT_EQ(isolators_error({one("os/unix/sysctl", R"({"net.a":1})")}),
            "list[0].value.net.a: expected string, got number");
}

TEST(Isolators, AnApparmorProfileIsOneWord) {
  EXPECT_EQ(interpret_isolators({one("os/linux/apparmor-profile", R"({"profile":"web"})")}, "").apparmor_profile,
            "web");
  for (const char* bad : {R"({"profile":""})", R"({"profile":"a b"})", R"({"profile":"a\nb"})"})
    EXPECT_EQ(isolators_error({one("os/linux/apparmor-profile", bad)}), "list[0].value: must be one word");
}

TEST(Isolators, AnUnknownNameMakesTheListInvalid) {
  EXPECT_EQ(isolators_error({one("os/linux/no-such-thing", "{}")}),
            "list[0].name: invalid isolator \"os/linux/no-such-thing\"");
}

TEST(Isolators, UnknownOnesOfAPodAreNamed) {
  const auto i = interpret_pod_isolators({one("x/y", "{}"), one("resource/memory", R"({"limit":"1M"})")}, "isolators");
  EXPECT_EQ(i.unknown, Strings{"x/y"});
  EXPECT_EQ(i.memory_limit, 1000000);
}

}  // namespace
}  // namespace rkt::appc
