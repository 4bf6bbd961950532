// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/options.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace rkt::native {
namespace {

constexpr const char* kUuid = "5ae4ea0c-24a6-4ee6-a6b0-1a3e4ee4f0a1";

template <class F>
std::string failure(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.brief();
  }
  return "";
}

TEST(RunOptions, OfStage0AreUnderstood) {
  const RunOptions o =
      parse_run({"--debug", "--net=a:IP=1.2.3.4,b", "--interactive", "--local-config=/lc", "--hostname=h",
                 "--dns-conf-mode=resolv=stage0,hosts=host", "--disable-capabilities-restriction", "--disable-paths",
                 "--disable-seccomp", "--ipc=parent", kUuid});
  EXPECT_TRUE(o.debug && o.interactive && o.host_ipc);
  EXPECT_EQ(o.net.str(), "a:IP=1.2.3.4,b");
  EXPECT_EQ(o.local_config, "/lc");
  EXPECT_EQ(o.hostname, "h");
  EXPECT_EQ(o.names.resolv, ResolvMode::stage0);
  EXPECT_EQ(o.names.hosts, HostsMode::host);
  EXPECT_FALSE(o.restrictions.capabilities || o.restrictions.paths || o.restrictions.seccomp);
  EXPECT_EQ(o.uuid.str(), kUuid);
}

TEST(RunOptions, ConfineByDefault) {
  const RunOptions o = parse_run({"--net=none", kUuid});
  EXPECT_TRUE(o.restrictions.capabilities && o.restrictions.paths && o.restrictions.seccomp);
  EXPECT_FALSE(o.host_ipc);
  EXPECT_EQ(o.local_config, "/etc/rkt");
}

TEST(RunOptions, ThatAreUnknownOrAskForWhatIsNotThereAreRefused) {
  EXPECT_EQ(failure([] { parse_run({"--nonsense", kUuid}); }), "unknown flag: --nonsense");
  EXPECT_EQ(failure([] { parse_run({"--private-users=0:2", kUuid}); }),
            "invalid value \"0:2\" for flag --private-users");
  EXPECT_EQ(failure([] { parse_run({"--ipc=mine", kUuid}); }), "invalid value \"mine\" for flag --ipc");
  EXPECT_EQ(failure([] { parse_run({"--dns-conf-mode=resolv=x", kUuid}); }),
            "invalid value \"resolv=x\" for flag --dns-conf-mode");
}

TEST(RunOptions, NeedOneUuid) {
  EXPECT_EQ(failure([] { parse_run({"--net=none"}); }), "a pod UUID is needed as the only argument");
  EXPECT_EQ(failure([] { parse_run({"--net=none", "x"}); }), "\"x\" is no pod UUID");
}

TEST(EnterOptions, EndWhereTheCommandBegins) {
  const EnterOptions o = parse_enter({"--pid=17", "--appname=a", "--", "ls", "--color", "-l"});
  EXPECT_EQ(o.pid, 17);
  EXPECT_EQ(o.app, "a");
  EXPECT_EQ(o.command, (std::vector<std::string>{"ls", "--color", "-l"}));
  EXPECT_EQ(o.user, "");
  EXPECT_EQ(parse_enter({"--pid=17", "--user=a:b", "--", "ls"}).user, "a:b");
}

TEST(EnterOptions, NeedAPidAndACommand) {
  EXPECT_EQ(failure([] { parse_enter({"--pid=17", "--appname=a", "--"}); }), "--pid and a command are needed");
  EXPECT_EQ(failure([] { parse_enter({"--pid=-3", "--", "ls"}); }), "invalid value \"-3\" for flag --pid");
  EXPECT_EQ(parse_enter({"--pid=1", "--own-root=5", "--", "ls"}).own_root, 5);
  EXPECT_EQ(failure([] { parse_enter({"--pid=1", "--own-root=2", "--", "ls"}); }),
            "invalid value \"2\" for flag --own-root");
}

TEST(AppAndGcOptions, TakeWhatStage0Passes) {
  const AppOptions app = parse_app({"--debug=false", "--force", "--app=a"});
  EXPECT_TRUE(app.force && !app.grace);
  EXPECT_EQ(parse_gc({"--debug", "--local-config", "/lc", kUuid}).local_config, "/lc");
}

}  // namespace
}  // namespace rkt::native
