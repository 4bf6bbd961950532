// SPDX-License-Identifier: Apache-2.0
#include "net/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/strings.h"
#include "sys/file.h"
#include "sys/tempdir.h"

namespace rkt::net {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

ConfigFile conf(const std::string& file, const std::string& name, const std::string& type = "bridge") {
  return {.name = file,
          .dir = "/etc/rkt/net.d",
          .bytes = cat("{\"cniVersion\":\"0.4.0\",\"name\":\"", name, "\",\"type\":\"", type, "\"}"),
          .list = {}};
}

cni::NetList wanted(const std::string& value) { return cni::NetList::parse({value}); }

std::vector<std::string> names(const std::vector<Network>& networks) {
  std::vector<std::string> out;
  for (const auto& n : networks) out.push_back(cat(n.if_name, "=", n.config.name));
  return out;
}

std::string failure(const std::vector<ConfigFile>& user, const std::string& value) {
  try {
    select_networks({user, builtin_configs(), {}}, wanted(value));
  } catch (const Error& e) {
    return e.brief();
  }
  return "no error";
}

TEST(SelectNetworks, NumbersInterfacesByFileNameNotByTheFlag) {
  const auto got =
      select_networks({{conf("10-x.conf", "x"), conf("20-y.conf", "y")}, builtin_configs(), {}}, wanted("default,y,x"));
  EXPECT_THAT(names(got), ::testing::ElementsAre("eth0=x", "eth1=y", "eth2=default"));
}

TEST(SelectNetworks, GivesOnlyWhatIsNamed) {
  EXPECT_THAT(names(select_networks({{conf("10-x.conf", "x")}, builtin_configs(), {}}, wanted("x"))),
              ::testing::ElementsAre("eth0=x"));
  EXPECT_THAT(names(select_networks({{}, builtin_configs(), {}}, wanted("default"))),
              ::testing::ElementsAre("eth0=default"));
}

TEST(SelectNetworks, AllIsEveryFileOfBothPlaces) {
  EXPECT_THAT(names(select_networks({{conf("10-x.conf", "x")}, builtin_configs(), {}}, wanted("all"))),
              ::testing::ElementsAre("eth0=x", "eth1=default-restricted", "eth2=default"));
}

TEST(SelectNetworks, AnAdministratorsFileOverridesABuiltInNetworkByName) {
  const auto got =
      select_networks({{conf("50-mine.conf", "default", "macvlan")}, builtin_configs(), {}}, wanted("default"));
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(got[0].file, "50-mine.conf");
  EXPECT_EQ(got[0].config.plugins.at(0).type, "macvlan");
}

TEST(SelectNetworks, TheFirstFileOfANameWins) {
  const auto got =
      select_networks({{conf("10-a.conf", "x", "first"), conf("20-b.conf", "x", "second")}, {}, {}}, wanted("x"));
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(got[0].config.plugins.at(0).type, "first");
}

TEST(SelectNetworks, HandsTheArgumentsToTheirNetwork) {
  const auto got = select_networks({{conf("10-x.conf", "x")}, builtin_configs(), {}}, wanted("x:IP=10.1.2.3,default"));
  EXPECT_EQ(got.at(0).args, "IP=10.1.2.3");
  EXPECT_EQ(got.at(1).args, "");
}

TEST(SelectNetworks, KeepsCopiesApartWhenTwoNetworksShareAFileName) {
  const auto got = select_networks({{conf("99-default.conf", "x")}, builtin_configs(), {}}, wanted("x,default"));
  ASSERT_EQ(got.size(), 2U);
  EXPECT_NE(got[0].file, got[1].file);
}

TEST(SelectNetworks, NamesEveryMissingNetwork) {
  EXPECT_THAT(failure({}, "a,default,b"), HasSubstr("networks not found: a, b"));
}

TEST(SelectNetworks, RefusesAMalformedFileEvenWhenItIsNotAskedFor) {
  EXPECT_THAT(failure({{.name = "00-bad.conf", .dir = "/d", .bytes = "{", .list = {}}}, "default"),
              HasSubstr("/d/00-bad.conf"));
}

TEST(SelectNetworks, SharedFilesServeNamesThatNobodyElseHas) {
  const Sources sources{.user = {conf("10-x.conf", "x", "user")},
                        .builtin = builtin_configs(),
                        .shared = {conf("05-x.conf", "x", "shared"),
                                   conf("50-k8s.conf", "k8s"),
                                   conf("60-d.conf", "default", "shared"),
                                   {.name = "00-bad.conf", .dir = "/etc/cni/net.d", .bytes = "{", .list = {}}}};
  const auto got = select_networks(sources, wanted("x,k8s,default"));
  EXPECT_THAT(names(got), ::testing::ElementsAre("eth0=x", "eth1=k8s", "eth2=default"));
  EXPECT_EQ(got[0].config.plugins.at(0).type, "user");
  EXPECT_EQ(got[2].config.plugins.at(0).type, "ptp");
  EXPECT_THAT(names(select_networks(sources, wanted("all"))),
              ::testing::ElementsAre("eth0=x", "eth1=default-restricted", "eth2=default"));
}

TEST(SelectNetworks, AListTakesPluginsFromTheDirectoryOfItsName) {
  const auto list = [](const char* more) {
    return ConfigFile{.name = "10-l.conflist",
                      .dir = "/d",
                      .bytes = cat(R"({"cniVersion":"1.1.0","name":"l",)", more, R"("plugins":[{"type":"a"}]})"),
                      .list = {}};
  };
  const ConfigFile beside{.name = "20.conf", .dir = "/d", .bytes = R"({"type":"b"})", .list = "l"};
  const ConfigFile other{.name = "20.conf", .dir = "/d", .bytes = R"({"type":"c"})", .list = "other"};
  const auto got = select_networks({{list(""), beside, other}, {}, {}}, wanted("l"));
  ASSERT_EQ(got.at(0).config.plugins.size(), 2U);
  EXPECT_EQ(got[0].config.plugins[1].type, "b");
  const auto inlined = select_networks({{list(R"("loadOnlyInlinedPlugins":true,)"), beside}, {}, {}}, wanted("l"));
  EXPECT_EQ(inlined.at(0).config.plugins.size(), 1U);
}

TEST(ReadConfigDir, TakesConfigurationsInByteOrderAndNothingElse) {
  const TempDir tmp;
  const DirFd net = tmp.dir().make_sub("net.d");
  write_file(net, "b.conf", "B", 0644);
  write_file(net, "a.conflist", "A", 0644);
  write_file(net, "c.json", "C", 0644);
  write_file(net.make_sub("d.conf"), "plugin.conf", "D", 0644);
  const auto got = read_config_dir(tmp.path());
  ASSERT_EQ(got.size(), 3U);
  EXPECT_EQ(got[0].name, "a.conflist");
  EXPECT_EQ(got[1].bytes, "B");
  EXPECT_EQ(got[2].list, "d.conf");
  EXPECT_EQ(read_shared_dir(cat(tmp.path(), "/net.d")).size(), 4U);  // c.json too
}

TEST(ReadConfigDir, IsEmptyWithoutADirectory) {
  const TempDir tmp;
  EXPECT_THAT(read_config_dir(tmp.path()), IsEmpty());
  EXPECT_THAT(read_config_dir(""), IsEmpty());
}

}  // namespace
}  // namespace rkt::net
