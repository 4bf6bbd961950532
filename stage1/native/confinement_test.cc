// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/confinement.h"

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "stage1/native/syscall_sets.h"

namespace rkt::native {
namespace {

bool has(const SeccompRules& rules, std::string_view name) {
  return std::ranges::find(rules.names, name) != rules.names.end();
}

appc::SeccompSet set(appc::SeccompSet::Mode mode, std::vector<std::string> names, std::string err = "") {
  return {.mode = mode, .names = std::move(names), .errno_name = std::move(err)};
}

constexpr auto kRetain = appc::SeccompSet::Mode::retain;
constexpr auto kRemove = appc::SeccompSet::Mode::remove;

TEST(PlanCaps, AreTheDefaultFourteenUnlessTheImageSaysOtherwise) {
  std::vector<std::string> warnings;
  EXPECT_EQ(plan_caps({}, warnings), 0xa80425fbU);
  EXPECT_EQ(plan_caps({.caps_retain = {{"CAP_NET_ADMIN"}}}, warnings), cap_bit(CAP_NET_ADMIN));
  EXPECT_EQ(plan_caps({.caps_remove = {{"CAP_CHOWN"}}}, warnings), 0xa80425fbU & ~cap_bit(CAP_CHOWN));
  EXPECT_TRUE(warnings.empty());
}

TEST(PlanCaps, RemovingWhatIsNotThereAddsNothing) {
  std::vector<std::string> warnings;
  EXPECT_EQ(plan_caps({.caps_remove = {{"CAP_SYS_ADMIN"}}}, warnings), kDefaultCaps);
}

TEST(PlanCaps, AnUnknownNameGrantsNothingAndIsSaid) {
  std::vector<std::string> warnings;
  EXPECT_EQ(plan_caps({.caps_retain = {{"CAP_EVERYTHING"}}}, warnings), 0U);
  ASSERT_EQ(warnings.size(), 1U);
}

TEST(PlanCaps, BothKindsOfSetAreRefused) {
  std::vector<std::string> warnings;
  EXPECT_THROW(plan_caps({.caps_retain = {{"CAP_CHOWN"}}, .caps_remove = {{"CAP_KILL"}}}, warnings), Error);
}

TEST(PlanSeccomp, RetainedCallsAreAllowedWithThoseThatExecNeeds) {
  const auto rules = plan_seccomp(set(kRetain, {"read"}));
  ASSERT_TRUE(rules);
  EXPECT_EQ(rules->mode, SeccompRules::Mode::allow_only);
  EXPECT_TRUE(has(*rules, "read") && has(*rules, "execve") && has(*rules, "exit_group"));
  EXPECT_FALSE(has(*rules, "write"));
}

TEST(PlanSeccomp, AllRetainedMeansNoFilter) { EXPECT_FALSE(plan_seccomp(set(kRetain, {"@appc.io/all"}))); }

TEST(PlanSeccomp, AnEmptyListOrEverythingRemovedNeverFailsOpen) {
  for (const auto& s : {set(kRetain, {"@appc.io/empty"}), set(kRemove, {"@appc.io/all"})}) {
    const auto rules = plan_seccomp(s);
    ASSERT_TRUE(rules);
    EXPECT_EQ(rules->mode, SeccompRules::Mode::allow_only);
    EXPECT_FALSE(has(*rules, "read"));
  }
}

TEST(PlanSeccomp, NothingRemovedMeansTheDefaultList) {
  const auto rules = plan_seccomp(set(kRemove, {"@appc.io/empty"}));
  ASSERT_TRUE(rules);
  EXPECT_TRUE(has(*rules, "read"));
  EXPECT_FALSE(has(*rules, "mount"));
}

TEST(PlanSeccomp, ARemovedCallReturnsTheNamedError) {
  const auto rules = plan_seccomp(set(kRemove, {"socket"}, "EPERM"));
  ASSERT_TRUE(rules);
  EXPECT_EQ(rules->mode, SeccompRules::Mode::refuse);
  EXPECT_EQ(rules->err, EPERM);
  EXPECT_TRUE(has(*rules, "socket"));
}

TEST(PlanSeccomp, ARemovedSetHasTheYoungerWaysToo) {
  const auto rules = plan_seccomp(set(kRemove, {"@rkt/default-blacklist"}));
  ASSERT_TRUE(rules);
  for (const char* name : {"mount", "move_mount", "fsopen", "mount_setattr", "clock_settime64", "pidfd_getfd"})
    EXPECT_TRUE(has(*rules, name)) << name;
  EXPECT_TRUE(has(plan_seccomp(set(kRemove, {"@systemd/mount"})).value(), "move_mount"));
}

TEST(PlanSeccomp, UnknownSetsAndErrorsAreRefused) {
  EXPECT_THROW(plan_seccomp(set(kRetain, {"@systemd/nonsense"})), Error);
  EXPECT_THROW(plan_seccomp(set(kRemove, {"socket"}, "ENONSENSE")), Error);
}

TEST(PlanConfinement, AnOrdinaryUserWithAFilterNeverGainsPrivileges) {
  EXPECT_FALSE(plan_confinement({}, 0, {}).no_new_privs);
  EXPECT_TRUE(plan_confinement({}, 1000, {}).no_new_privs);
  EXPECT_FALSE(plan_confinement({}, 1000, {.seccomp = false}).no_new_privs);
  EXPECT_TRUE(plan_confinement({.no_new_privs = true}, 0, {.seccomp = false}).no_new_privs);
}

TEST(PlanConfinement, AnImageForI386KeepsItsOnlyWayToSockets) {
  const auto looks_for_vsock = [](std::string_view arch, const appc::Isolators& isolators = {}) {
    const auto filter = plan_confinement(isolators, 0, {}, arch).filter;
    return std::ranges::any_of(filter.value(), [](const sock_filter& i) {
      return i.code == (BPF_JMP | BPF_JEQ | BPF_K) && i.jt == 0 && i.jf == 1 && i.k == AF_VSOCK;
    });
  };
  EXPECT_TRUE(looks_for_vsock("") && looks_for_vsock("amd64") && looks_for_vsock("i386"));
  EXPECT_TRUE(looks_for_vsock("i386", {.seccomp = set(kRemove, {"@appc.io/empty"})}));
  const auto size = [](std::string_view arch) { return plan_confinement({}, 0, {}, arch).filter->size(); };
  EXPECT_LT(size("i386"), size("amd64")) << "socketcall is not looked into";
}

TEST(PlanConfinement, AProgramThatIsMadeBeforehandIsWhatItsRulesSay) {
  const auto same = [](const std::vector<sock_filter>& a, const std::vector<sock_filter>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(sock_filter)) == 0;
  };
  std::vector<appc::SeccompSet> sets;
  for (const auto mode : {kRetain, kRemove})
    for (const char* err : {"", "EPERM"})
      for (const char* name : {"@rkt/default-whitelist", "@docker/default-whitelist", "@rkt/default-blacklist",
                               "@appc.io/empty", "@appc.io/all", "@systemd/default-whitelist", "read"}) {
        sets.push_back(set(mode, {name}, err));
        sets.push_back(set(mode, {name, "mount"}, err));
      }
  for (const std::string arch : {"", "i386"})
    for (const auto& s : sets) {
      auto rules = plan_seccomp(s);
      const auto filter = plan_confinement({.seccomp = s}, 0, {}, arch).filter;
      ASSERT_EQ(rules.has_value(), filter.has_value());
      if (!rules) continue;
      rules->hidden_families = arch == "i386";
      EXPECT_TRUE(same(*filter, make_seccomp_program(*rules)))
          << s.names.front() << s.names.size() << s.errno_name << arch;
    }
  EXPECT_TRUE(same(plan_confinement({}, 0, {}).filter.value(), make_seccomp_program(default_seccomp())));
}

TEST(PlanConfinement, AnAppHasThePodsSelinuxContextUnlessItHasItsOwn) {
  const Restrictions pod{.selinux = {.process = "u:r:pod:s0:c1,c2", .files = "u:object_r:f:s0:c1,c2"}};
  EXPECT_FALSE(plan_confinement({}, 0, {}).label);
  EXPECT_EQ(plan_confinement({}, 0, pod).label->text, "u:r:pod:s0:c1,c2");
  EXPECT_STREQ(plan_confinement({}, 0, pod).label->file(), "self/attr/exec");
  EXPECT_EQ(plan_confinement({.selinux = appc::SelinuxContext{"u", "r", "own", "s0"}}, 0, pod).label->text,
            "u:r:own:s0");
}

TEST(PlanConfinement, EachRestrictionIsTurnedOffAlone) {
  const auto caps = plan_confinement({}, 0, {.capabilities = false});
  EXPECT_EQ(caps.caps, kAllCaps);
  EXPECT_TRUE(caps.filter);
  const auto seccomp = plan_confinement({}, 0, {.seccomp = false});
  EXPECT_EQ(seccomp.caps, kDefaultCaps);
  EXPECT_FALSE(seccomp.filter);
}

}  // namespace
}  // namespace rkt::native
