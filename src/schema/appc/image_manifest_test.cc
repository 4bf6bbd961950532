// SPDX-License-Identifier: Apache-2.0
#include "schema/appc/image_manifest.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "tests/support/error_text.h"

namespace rkt::appc {
namespace {

using Strings = std::vector<std::string>;

// A manifest with these members besides the three that every one has.
std::string with(std::string_view members) {
  return cat(R"({"acKind":"ImageManifest","acVersion":"0.8.11","name":"example.com/app")", members.empty() ? "" : ",",
             members, "}");
}
std::string with_app(std::string_view members) {
  return with(cat(R"("app":{"exec":["/a"],"user":"0","group":"0")", members.empty() ? "" : ",", members, "}"));
}
std::string why(const std::string& text) {
  return test::error_text([&] { parse_image_manifest(text); });
}

TEST(ImageManifest, ReadsEveryMember) {
  const auto m = parse_image_manifest(with(R"(
    "labels":[{"name":"version","value":"1.0"},{"name":"os","value":"linux"},{"name":"arch","value":"amd64"}],
    "app":{"exec":["/bin/app","-x"],"user":"u","group":"g","supplementaryGIDs":[10,20],"workingDirectory":"/w",
      "eventHandlers":[{"name":"pre-start","exec":["/pre"]}],
      "environment":[{"name":"A.B","value":"1"}],
      "mountPoints":[{"name":"data","path":"/d","readOnly":true}],
      "ports":[{"name":"http","protocol":"tcp","port":80,"count":2,"socketActivated":true}],
      "isolators":[{"name":"resource/memory","value":{"limit":"1M"}}],
      "userAnnotations":{"k":"v"},"userLabels":{"l":"m"}},
    "annotations":[{"name":"homepage","value":"https://example.com"}],
    "dependencies":[{"imageName":"example.com/base","imageID":"sha512-ab","labels":[{"name":"version","value":"2"}],
      "size":7}],
    "pathWhitelist":["/etc/passwd"])"));
  EXPECT_EQ(m.display_name(), "example.com/app:1.0");
  ASSERT_TRUE(m.app);
  EXPECT_EQ(m.app->exec, (Strings{"/bin/app", "-x"}));
  EXPECT_EQ(m.app->event_handlers.at(0).name, "pre-start");
  EXPECT_EQ(m.app->supplementary_gids, (std::vector<std::int64_t>{10, 20}));
  EXPECT_EQ(*m.app->find_env("A.B"), "1");
  EXPECT_TRUE(m.app->mount_points.at(0).read_only);
  EXPECT_EQ(m.app->ports.at(0).count, 2);
  EXPECT_EQ(m.app->isolators.at(0).name, "resource/memory");
  EXPECT_EQ(m.dependencies.at(0).image_id->str(), "sha512-ab");
  EXPECT_EQ(m.dependencies.at(0).size, 7U);
  EXPECT_EQ(m.path_whitelist, Strings{"/etc/passwd"});
}

TEST(ImageManifest, WritesWhatItReadInTheOrderOfTheReference) {
  const std::string text = R"({"acKind":"ImageManifest","acVersion":"0.8.11","name":"example.com/app",)"
                           R"("labels":[{"name":"os","value":"linux"}],)"
                           R"("app":{"exec":null,"user":"0","group":"0","environment":[{"name":"A","value":""}],)"
                           R"("ports":[{"name":"p","protocol":"tcp","port":1,"count":1,"socketActivated":false}]},)"
                           R"("pathWhitelist":["/a"]})";
  EXPECT_EQ(write(parse_image_manifest(text)), text);
}

TEST(ImageManifest, MatchesNamesInAnyCaseAndIgnoresUnknownOnes) {
  const auto m = parse_image_manifest(R"({"ackind":"ImageManifest","ACVERSION":"1.0.0","Name":"a","x":{},)"
                                      R"("app":{"user":"0","group":"0","supplementaryGids":[5]}})");
  EXPECT_EQ(m.app->supplementary_gids, std::vector<std::int64_t>{5});
}

TEST(ImageManifest, NeedsKindVersionAndName) {
  EXPECT_EQ(why("{}"), "ACKind must be set");
  EXPECT_EQ(why(R"({"acKind":"Image"})"), "bad ACKind: Image");
  EXPECT_EQ(why(R"({"acKind":"PodManifest"})"), "missing or bad ACKind (must be \"ImageManifest\")");
  EXPECT_EQ(why(R"({"acKind":"ImageManifest"})"), "acVersion must be set");
  EXPECT_EQ(why(R"({"acKind":"ImageManifest","acVersion":"1.0"})"), "acVersion: SemVer is bad");
  EXPECT_EQ(why(R"({"acKind":"ImageManifest","acVersion":"01.0.0"})"), "acVersion: SemVer is bad");
  EXPECT_EQ(why(R"({"acKind":"ImageManifest","acVersion":"0.0.0"})"), "acVersion: SemVer cannot be zero");
  EXPECT_EQ(why(R"({"acKind":"ImageManifest","acVersion":"99.0.0-rc+x"})"), "name must be set");
  EXPECT_EQ(why("[]"), "expected object, got array");
}

TEST(ImageManifest, ErrorsSayWhereInTheDocument) {
  EXPECT_EQ(why(with(R"("name":"A")")),
            "name: ACIdentifier must contain only lower case alphanumeric characters plus \"-._~/\"");
  EXPECT_EQ(why(with(R"("labels":[{"name":"a","value":1}])")), "labels[0].value: expected string, got number");
  EXPECT_EQ(why(with(R"("labels":[{"value":"1"}])")), "labels[0].name: missing");
  EXPECT_EQ(why(with_app(R"("exec":["/a",1])")), "app.exec[1]: expected string, got number");
  EXPECT_EQ(why(with_app(R"("mountPoints":[{"name":"Data","path":"/d"}])")),
            "app.mountPoints[0].name: ACName must contain only lower case alphanumeric characters plus \"-\"");
}

TEST(ImageManifest, LabelsAreUniqueAndPlatformsKnown) {
  EXPECT_EQ(why(with(R"("labels":[{"name":"name","value":"x"}])")), "labels[0]: invalid label name: \"name\"");
  EXPECT_EQ(why(with(R"("labels":[{"name":"a"},{"name":"b"},{"name":"a"}])")),
            "labels[2]: duplicate labels of name \"a\"");
  EXPECT_EQ(why(with(R"("labels":[{"name":"os","value":"plan9"}])")),
            "bad os \"plan9\" (must be one of: [darwin freebsd linux])");
  EXPECT_EQ(why(with(R"("labels":[{"name":"os","value":"freebsd"},{"name":"arch","value":"x86_64"}])")),
            "bad arch \"x86_64\" for freebsd (must be one of: [amd64 i386 arm])");
  EXPECT_EQ(why(with(R"("labels":[{"name":"arch","value":"anything"}])")), "");
}

TEST(ImageManifest, AnnotationsWithAMeaningAreChecked) {
  EXPECT_EQ(why(with(R"("annotations":[{"name":"homepage","value":"ftp://x"}])")),
            "annotations[0]: bad URL scheme, must be http/https");
  EXPECT_EQ(why(with(R"("annotations":[{"name":"created","value":"yesterday"}])")),
            "annotations[0]: bad date \"yesterday\", must be RFC 3339");
  EXPECT_EQ(why(with(R"("annotations":[{"name":"created","value":"2014-10-27T19:32:27.67021798+02:00"}])")), "");
  EXPECT_EQ(why(with(R"("annotations":[{"name":"a","value":""},{"name":"a","value":""}])")),
            "annotations[1]: duplicate annotations of name \"a\"");
}

TEST(ImageManifest, AnAppHasAUserAGroupAndAnAbsoluteDirectory) {
  EXPECT_EQ(why(with(R"("app":{"exec":null,"group":"0"})")), "app: user is required");
  EXPECT_EQ(why(with(R"("app":{"exec":null,"user":"0"})")), "app: group is required");
  EXPECT_EQ(why(with_app(R"("workingDirectory":"w")")), "app: workingDirectory must be an absolute path");
}

TEST(ImageManifest, EnvironmentNamesAreValidAndUnique) {
  EXPECT_EQ(why(with_app(R"("environment":[{"name":"1A","value":""}])")),
            "app.environment[0].name: environment variable does not have valid identifier \"1A\"");
  EXPECT_EQ(why(with_app(R"("environment":[{"name":"A","value":""},{"name":"A","value":""}])")),
            "app.environment[1].name: duplicate environment variable of name \"A\"");
  EXPECT_EQ(why(with_app(R"("environment":[{"name":"A"},{"name":"B"},{"name":"C"},{"name":"D"},{"name":"A"}])")),
            "app.environment[4].name: duplicate environment variable of name \"A\"");
}

TEST(ImageManifest, ANulCannotHideInArgumentsOrEnvironment) {
  EXPECT_EQ(why(with_app(R"("exec":["/a\u0000b"])")), "app.exec[0]: an argument holds a NUL character");
  EXPECT_EQ(why(with_app(R"("eventHandlers":[{"name":"pre-start","exec":["/a","\u0000"]}])")),
            "app.eventHandlers[0].exec[1]: an argument holds a NUL character");
  EXPECT_EQ(why(with_app(R"("environment":[{"name":"A","value":"\u0000"}])")),
            "app.environment[0].value: environment variable \"A\" holds a NUL character");
}

TEST(ImageManifest, EventHandlersAreTwoAndEachOnce) {
  EXPECT_EQ(why(with_app(R"("eventHandlers":[{"name":"pre-stop","exec":[]}])")),
            "app.eventHandlers[0]: bad eventHandler \"name\": \"pre-stop\"");
  EXPECT_EQ(why(with_app(R"("eventHandlers":[{"name":"pre-start"},{"name":"pre-start"}])")),
            "app.eventHandlers[1].name: Only one eventHandler of name \"pre-start\" allowed");
}

TEST(ImageManifest, PortsAndTheirRangesFit) {
  EXPECT_EQ(why(with_app(R"("ports":[{"name":"p","port":0}])")), "app.ports[0].port: port must be in 1-65535 range");
  EXPECT_EQ(why(with_app(R"("ports":[{"name":"p","port":65535,"count":2}])")),
            "app.ports[0].count: end of port range must be in 1-65535 range");
  EXPECT_EQ(parse_image_manifest(with_app(R"("ports":[{"name":"p","port":65535,"count":0}])")).app->ports.at(0).count,
            1);
}

TEST(ImageManifest, AnUnknownIsolatorIsRefusedWithItsPlace) {
  EXPECT_EQ(why(with_app(R"("isolators":[{"name":"os/linux/x","value":{}}])")),
            "app.isolators[0].name: invalid isolator \"os/linux/x\"");
}

TEST(ImageManifest, DependenciesNeedANameAndAWellFormedId) {
  EXPECT_EQ(why(with(R"("dependencies":[{"size":1}])")), "dependencies[0]: imageName cannot be empty");
  for (const auto& [id, text] : std::map<std::string, std::string>{{"md5", "badly formatted hash string"},
                                                                   {"sha512-a-b", "badly formatted hash string"},
                                                                   {"md5-1", "unrecognized hash type: md5"},
                                                                   {"sha512-", "unexpected empty hash value"}})
    EXPECT_EQ(why(with(cat(R"("dependencies":[{"imageName":"a","imageID":")", id, R"("}])"))),
              cat("dependencies[0].imageID: ", text));
}

TEST(ImageManifest, ManyLabelsTakeNoQuadraticTime) {
  std::string labels;
  for (int i = 0; i < 60000; ++i) labels += cat(i == 0 ? "" : ",", R"({"name":"l)", i, R"(","value":""})");
  EXPECT_EQ(parse_image_manifest(with(cat(R"("labels":[)", labels, "]"))).labels.size(), 60000U);
}

TEST(App, SettingAVariableReplacesItInPlace) {
  App app;
  app.set_env("A", "1");
  app.set_env("B", "2");
  app.set_env("A", "3");
  EXPECT_EQ(app.environment, (std::vector<EnvVar>{{"A", "3"}, {"B", "2"}}));
  EXPECT_EQ(app.find_env("C"), nullptr);
}

}  // namespace
}  // namespace rkt::appc
