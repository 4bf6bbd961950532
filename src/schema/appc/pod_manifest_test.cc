// SPDX-License-Identifier: Apache-2.0
#include "schema/appc/pod_manifest.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "tests/support/error_text.h"

namespace rkt::appc {
namespace {

using rkt::test::error_text;

std::string pod_with(std::string_view members) {
  return cat(R"({"acVersion":"1.30.0","acKind":"PodManifest",)", members, "}");
}
std::string pod_error(const std::string& text) {
  return error_text([&] { parse_pod_manifest(text); });
}
std::string volume_error(const char* flag) {
  return error_text([&] { Volume::parse_flag(flag); });
}
std::string port_error(const char* flag) {
  return error_text([&] { ExposedPort::parse_flag(flag); });
}

TEST(PodManifest, WritesWhatItReadWithNullForEmptyLists) {
  const std::string text =
      R"({"acVersion":"1.30.0","acKind":"PodManifest","apps":[{"name":"a","image":{"name":"example.com/a",)"
      R"("id":"sha512-ab","labels":[{"name":"os","value":"linux"}]},"app":{"exec":["/a"],"user":"0","group":"0"},)"
      R"("readOnlyRootFS":true,"mounts":[{"volume":"v","path":"/v"}],"annotations":[{"name":"x","value":"y"}]}],)"
      R"("volumes":[{"name":"v","kind":"empty","mode":"0700","uid":1,"gid":2}],"isolators":null,"annotations":null,)"
      R"("ports":[{"name":"p","hostPort":8080,"hostIP":"127.0.0.1"}],"userLabels":{"a":"b"}})";
  EXPECT_EQ(write(parse_pod_manifest(text)), text);
}

TEST(PodManifest, FindsAppsAndVolumesByName) {
  const auto m = parse_pod_manifest(
      pod_with(R"("apps":[{"name":"a","image":{"id":"sha512-ab"}}],"volumes":[{"name":"v","kind":"empty"}])"));
  EXPECT_EQ(m.find_app("a")->image_id.str(), "sha512-ab");
  EXPECT_EQ(m.find_app("b"), nullptr);
  EXPECT_EQ(m.find_volume("v")->mode_bits(), 0755U);
  EXPECT_EQ(m.find_volume("a"), nullptr);
}

TEST(PodManifest, NamesAreUnique) {
  const std::string app = R"({"name":"a","image":{"id":"sha512-ab"}})", volume = R"({"name":"v","kind":"empty"})";
  EXPECT_EQ(pod_error(pod_with(cat(R"("apps":[)", app, ",", app, "]"))), "apps[1]: multiple apps with same name a");
  EXPECT_EQ(pod_error(pod_with(cat(R"("volumes":[)", volume, ",", volume, "]"))),
            "volumes[1]: duplicate volume name \"v\"");
}

TEST(PodManifest, AnAppNeedsAnImageId) {
  EXPECT_EQ(pod_error(pod_with(R"("apps":[{"name":"a","image":{}}])")), "apps[0]: no image ID for app \"a\"");
  EXPECT_EQ(pod_error(pod_with(R"("apps":[{"name":"a","image":{"id":"sha512"}}])")),
            "apps[0].image: badly formatted hash string");
  EXPECT_EQ(pod_error(pod_with(R"("apps":[{"name":"a"}])")), "apps[0].image: missing");
}

TEST(PodManifest, ErrorsSayWhereInTheDocument) {
  EXPECT_EQ(pod_error(R"({"acKind":"ImageManifest"})"), "missing or bad ACKind (must be \"PodManifest\")");
  EXPECT_EQ(pod_error(pod_with(R"("volumes":[{"name":"v","kind":"host","source":"x"}])")),
            "volumes[0]: source for host volume must be absolute path");
  EXPECT_EQ(pod_error(pod_with(R"("volumes":[{"name":"v","kind":"empty","uid":-1}])")),
            "volumes[0].uid: -1 is not between 0 and 4294967294");
  EXPECT_EQ(pod_error(pod_with(R"("ports":[{"name":"p","hostPort":65536}])")),
            "ports[0].hostPort: 65536 is not between 0 and 65535");
  EXPECT_EQ(pod_error(pod_with(R"("apps":[{"name":"a","image":{"id":"sha512-ab"},"app":{"user":"0","group":"0",)"
                               R"("isolators":[{"name":"x","value":1}]}}])")),
            "apps[0].app.isolators[0].name: invalid isolator \"x\"");
}

TEST(PodManifest, IsolatorsOfThePodAreKeptUnread) {
  EXPECT_EQ(parse_pod_manifest(pod_with(R"("isolators":[{"name":"anything","value":[1]}])")).isolators.size(), 1U);
}

TEST(VolumeFlag, ReadsAHostVolume) {
  const Volume v = Volume::parse_flag("data,kind=host,source=/srv,readOnly=T,recursive=0");
  EXPECT_EQ(v.name.str(), "data");
  EXPECT_EQ(v.kind, Volume::Kind::host);
  EXPECT_EQ(v.source, "/srv");
  EXPECT_EQ(v.read_only, true);
  EXPECT_EQ(v.recursive, false);
}

TEST(VolumeFlag, ReadsAnEmptyVolume) {
  const Volume v = Volume::parse_flag("tmp,kind=empty,mode=1777,uid=5,gid=6");
  EXPECT_EQ(v.mode_bits(), 01777U);
  EXPECT_EQ(v.uid, 5);
  EXPECT_EQ(v.gid, 6);
  EXPECT_EQ(v.read_only, std::nullopt);
}

TEST(VolumeFlag, KindDecidesWhatElseMayStandThere) {
  EXPECT_EQ(volume_error("v"), "unrecognized volume kind: should be one of \"empty\", \"host\"");
  EXPECT_EQ(volume_error("v,kind=host"), "source for host volume cannot be empty");
  EXPECT_EQ(volume_error("v,kind=host,source=a"), "source for host volume must be absolute path");
  EXPECT_EQ(volume_error("v,kind=host,source=/a,mode=0755"), "mode for host volume cannot be set");
  EXPECT_EQ(volume_error("v,kind=host,source=/a,uid=0"), "uid for host volume cannot be set");
  EXPECT_EQ(volume_error("v,kind=host,source=/a,gid=0"), "gid for host volume cannot be set");
  EXPECT_EQ(volume_error("v,kind=empty,source=/a"), "source for empty volume must be empty");
}

TEST(VolumeFlag, RefusesUnknownRepeatedAndMalformedParameters) {
  EXPECT_EQ(volume_error("v,kind=empty,x=1"), "unknown volume parameter \"x\"");
  EXPECT_EQ(volume_error("v,kind=empty,kind=host"), "label kind with multiple values [\"empty\" \"host\"]");
  EXPECT_EQ(volume_error("v,kind"), "malformed string \"name=v,kind\" - has a label without a value: kind");
  EXPECT_EQ(volume_error("v,kind=empty,readOnly=yes"), "strconv.ParseBool: parsing \"yes\": invalid syntax");
  EXPECT_EQ(volume_error("v,kind=empty,mode=9"), "invalid mode \"9\" for empty volume: must be octal");
  EXPECT_EQ(volume_error("v,kind=empty,mode=10000"),
            "invalid mode \"10000\" for empty volume: must be octal, 7777 at most");
  EXPECT_EQ(volume_error("v,kind=empty,uid=-1"), "\"-1\" is not a user or group number");
  EXPECT_EQ(volume_error(""), "ACName cannot be empty");
}

TEST(PortFlag, ReadsNameAddressAndPort) {
  const auto plain = ExposedPort::parse_flag("http:8080");
  EXPECT_EQ(plain.name.str(), "http");
  EXPECT_EQ(plain.host_port, 8080);
  EXPECT_EQ(plain.host_ip, "");
  EXPECT_EQ(ExposedPort::parse_flag("http:10.0.0.1:80").host_ip, "10.0.0.1");
  EXPECT_EQ(ExposedPort::parse_flag("http:[::1]:80").host_ip, "::1");
  const auto range = ExposedPort::parse_flag("rtp:fd00:0::1:8000-8009");
  EXPECT_EQ(range.host_ip, "fd00::1");
  EXPECT_EQ(std::pair(range.host_port, range.count), std::pair(std::uint16_t{8000}, std::uint16_t{10}));
}

TEST(PortFlag, RefusesWithTheTextsOfTheReference) {
  EXPECT_EQ(port_error("http"), "\"http\" is not in name:[ip:]port format");
  EXPECT_EQ(port_error("Http:80"), "\"Http\" is not a valid port name");
  EXPECT_EQ(port_error("http:localhost:80"), "\"localhost\" is not a valid IP");
  EXPECT_EQ(port_error("http:0"), "\"0\" is not a valid port number");
  EXPECT_EQ(port_error("http:-1"), "\"-1\" is not a valid port number");
  EXPECT_EQ(port_error("http:65536"), "\"65536\" is not a valid port number");
}

}  // namespace
}  // namespace rkt::appc
