// SPDX-License-Identifier: Apache-2.0
#include "config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "sys/file.h"
#include "sys/tempdir.h"

namespace rkt::config {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class Load : public testing::Test {
 protected:
  void put(const std::string& path, std::string_view text) {
    const std::string full = cat(tmp_.path(), "/", path);
    const DirFd dir = make_dirs(full.substr(0, full.find_last_of('/')));
    write_file(dir, full.substr(full.find_last_of('/') + 1), text, 0644);
  }
  Config load_all() {
    return load({.system = tmp_.path() + "/system", .local = tmp_.path() + "/local", .user = tmp_.path() + "/user"});
  }
  std::string complaint() {
    try {
      load_all();
    } catch (const Error& e) {
      return e.brief();
    }
    return "";
  }
  // Without the name of the file, which stands at its end.
  std::string complaint_about(const std::string& sub, std::string_view text) {
    put(cat("local/", sub, "/x.json"), text);
    std::string out = complaint();
    const std::string in = cat("; in ", "\"", tmp_.path(), "/local/", sub, "/x.json\"");
    if (out.ends_with(in)) out.resize(out.size() - in.size());
    return out;
  }
  TempDir tmp_;
};

constexpr std::string_view kBasic = R"({"rktKind":"auth","rktVersion":"v1","domains":["a.com","b.com:8080"],)"
                                    R"("type":"basic","credentials":{"user":"u","password":"p"}})";
constexpr std::string_view kPaths = R"({"rktKind":"paths","rktVersion":"v1","data":"/d","stage1-images":"/s"})";

TEST_F(Load, IsEmptyWithoutDirectories) {
  const Config c = load_all();
  EXPECT_THAT(c.auth, IsEmpty());
  EXPECT_EQ(c.data, "");
}

TEST_F(Load, TheLastDirectoryDecidesForAllNamesOfDockerHub) {
  const auto login = [&](const std::string& file, const std::string& registry) {
    put(file, cat(R"({"rktKind":"dockerAuth","rktVersion":"v1","registries":[")", registry,
                  R"("],"credentials":{"user":")", registry, R"(","password":"p"}})"));
  };
  const auto user = [&](const char* host) {
    const Config config = load_all();
    return find_docker_login(config, host)->user;
  };
  login("system/auth.d/a.json", "docker.io");
  EXPECT_EQ(user("registry-1.docker.io"), "docker.io");
  login("local/auth.d/a.json", "Index.docker.io");
  EXPECT_EQ(user("registry-1.docker.io"), "Index.docker.io");
  EXPECT_EQ(user("docker.io"), "Index.docker.io");
  login("local/auth.d/b.json", "registry-1.docker.io");
  EXPECT_EQ(user("docker.io"), "registry-1.docker.io") << "what is contacted";
  EXPECT_EQ(user("index.docker.io"), "Index.docker.io");
  EXPECT_EQ(find_docker_login(load_all(), "r.io"), nullptr);
}

TEST_F(Load, ReadsEveryKind) {
  put("system/auth.d/a.json", kBasic);
  put("system/auth.d/b.json",
      R"({"rktKind":"auth","rktVersion":"v1","domains":["o.com"],"type":"oauth","credentials":{"token":"t"}})");
  put("system/auth.d/c.json", R"({"rktKind":"auth","rktVersion":"v1","domains":["s3"],"type":"aws",)"
                              R"("credentials":{"accessKeyID":"k","secretAccessKey":"s","awsRegion":"r"}})");
  put("system/auth.d/d.json",
      R"({"rktKind":"dockerAuth","rktVersion":"v1","registries":["r.io"],"credentials":{"user":"u","password":"p"}})");
  put("system/paths.d/a.json", kPaths);
  put("system/stage1.d/a.json",
      R"({"rktKind":"stage1","rktVersion":"v1","name":"n","version":"1","location":"/l","extra":[]})");
  const Config c = load_all();
  EXPECT_EQ(c.auth.at("a.com").user, "u");
  EXPECT_EQ(c.auth.at("b.com:8080").password, "p");
  EXPECT_EQ(c.auth.at("o.com").type, Auth::Type::oauth);
  EXPECT_EQ(c.auth.at("o.com").token, "t");
  EXPECT_EQ(c.auth.at("s3").access_key, "k");
  EXPECT_EQ(c.auth.at("s3").region, "r");
  EXPECT_EQ(c.docker_auth.at("r.io").password, "p");
  EXPECT_EQ(c.data, "/d");
  EXPECT_EQ(c.stage1_images, "/s");
  EXPECT_EQ(c.stage1_name, "n");
  EXPECT_EQ(c.stage1_location, "/l");
}

TEST_F(Load, OverridesItemByItemAcrossDirectories) {
  put("system/paths.d/a.json", kPaths);
  put("system/auth.d/a.json", kBasic);
  put("local/paths.d/other.json", R"({"rktKind":"paths","rktVersion":"v1","data":"/local"})");
  put("user/auth.d/x.json",
      R"({"rktKind":"auth","rktVersion":"v1","domains":["a.com"],"type":"oauth","credentials":{"token":"t"}})");
  const Config c = load_all();
  EXPECT_EQ(c.data, "/local");
  EXPECT_EQ(c.stage1_images, "/s");
  EXPECT_EQ(c.auth.at("a.com").token, "t");
  EXPECT_EQ(c.auth.at("b.com:8080").user, "u");
}

TEST_F(Load, SkipsLinksOtherSuffixesAndNestedDirectories) {
  put("elsewhere/x.json", "broken");
  put("local/paths.d/readme", "broken");
  put("local/paths.d/deeper/x.json", "broken");
  ASSERT_EQ(::symlink((tmp_.path() + "/elsewhere/x.json").c_str(), (tmp_.path() + "/local/paths.d/link.json").c_str()),
            0);
  ASSERT_EQ(::symlink((tmp_.path() + "/elsewhere").c_str(), (tmp_.path() + "/local/auth.d").c_str()), 0);
  testing::internal::CaptureStderr();
  EXPECT_EQ(complaint(), "");
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find("/local/paths.d/link.json\": it is a symbolic link"), std::string::npos) << said;
  EXPECT_NE(said.find("/local/auth.d\": it is a symbolic link"), std::string::npos) << said;
}

// The path of the file is longer than the kernel takes, that of its directory is not.
TEST_F(Load, ReadsFromTheDirectoryThatItListed) {
  put("local/paths.d/a.json", kPaths);
  constexpr std::size_t kLongest = PATH_MAX - 1;
  std::string local = tmp_.path();
  while (local.size() + 2 + std::string_view("/local/stage1.d").size() <= kLongest) local += "/.";
  const Directories dirs{.system = {}, .local = local + "/local", .user = {}};
  EXPECT_EQ(load(dirs).data, "/d");
}

TEST_F(Load, RefusesAnythingElseWhereADirectoryBelongs) {
  put("system", "");
  EXPECT_EQ(complaint(), cat("cannot get configuration: expected \"", tmp_.path(), "/system\" to be a directory"));
}

TEST_F(Load, RefusesAnItemSaidTwiceInOneDirectory) {
  put("local/auth.d/a.json", kBasic);
  EXPECT_EQ(complaint_about("auth.d", kBasic),
            "cannot get configuration: auth for domain \"a.com\" is already specified");
}

TEST_F(Load, RefusesPathsSaidTwiceInOneDirectory) {
  put("local/paths.d/a.json", kPaths);
  EXPECT_THAT(complaint_about("paths.d", kPaths), EndsWith(": data directory is already specified"));
}

TEST_F(Load, NamesTheFileWithoutKindOrVersion) {
  EXPECT_EQ(complaint_about("paths.d", "{}"),
            cat("cannot get configuration: no rktKind specified in \"", tmp_.path(), "/local/paths.d/x.json\""));
  EXPECT_THAT(complaint_about("paths.d", R"({"rktKind":"paths"})"), HasSubstr(": no rktVersion specified in \""));
}

TEST_F(Load, RefusesAKindInTheWrongDirectory) {
  EXPECT_EQ(complaint_about("auth.d", kPaths),
            cat("cannot get configuration: the configuration directory \"", tmp_.path(),
                R"(/local/auth.d" expects to have configuration files of kinds "auth\", \"dockerAuth",)"
                R"( but "x.json" has kind of "paths")"));
}

TEST_F(Load, RefusesUnknownVersions) {
  EXPECT_EQ(complaint_about("paths.d", R"({"rktKind":"paths","rktVersion":"v2"})"),
            "cannot get configuration: no parser available for configuration of kind \"paths\" and version \"v2\"");
}

TEST_F(Load, ShowsEveryFrameOfAParseError) {
  put("local/paths.d/x.json", R"({"rktKind":"paths","rktVersion":"v1","data":"relative"})");
  try {
    load_all();
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.brief(), cat("cannot get configuration: data directory must be an absolute path; in \"", tmp_.path(),
                             "/local/paths.d/x.json\""));
    EXPECT_THAT(e.tree(), HasSubstr(cat("failed to parse \"", tmp_.path(), "/local/paths.d/x.json\"")));
  }
}

TEST_F(Load, NamesTheFileOfASyntaxErrorAndOfAWrongType) {
  EXPECT_THAT(complaint_about("paths.d", "{"), StartsWith(cat("cannot get configuration: failed to parse \"",
                                                              tmp_.path(), "/local/paths.d/x.json\": ")));
  EXPECT_THAT(complaint_about("paths.d", R"({"rktKind":1})"),
              HasSubstr("/local/paths.d/x.json.rktKind: expected string"));
}

TEST_F(Load, NamesWhatIsMissing) {
  const auto auth = [&](std::string_view rest) {
    return complaint_about("auth.d", cat(R"({"rktKind":"auth","rktVersion":"v1",)", rest, "}"));
  };
  EXPECT_THAT(auth(R"("type":"basic")"), EndsWith(": no domains specified"));
  EXPECT_THAT(auth(R"("domains":["a"])"), EndsWith(": no auth type specified"));
  EXPECT_THAT(auth(R"("domains":["a"],"type":"x")"), EndsWith(": unknown auth type: \"x\""));
  EXPECT_THAT(auth(R"("domains":["a"],"type":"basic")"), EndsWith(": user not specified"));
  EXPECT_THAT(auth(R"("domains":["a"],"type":"basic","credentials":{"user":"u"})"),
              EndsWith(": password not specified"));
  EXPECT_THAT(auth(R"("domains":["a"],"type":"oauth")"), EndsWith(": no oauth bearer token specified"));
  EXPECT_THAT(auth(R"("domains":["a"],"type":"aws")"), EndsWith(": no AWS Access Key ID specified"));
  EXPECT_THAT(auth(R"("domains":["a"],"type":"aws","credentials":{"accessKeyID":"k"})"),
              EndsWith(": no AWS Secret Access Key specified"));
  EXPECT_THAT(complaint_about("auth.d", R"({"rktKind":"dockerAuth","rktVersion":"v1"})"),
              EndsWith(": no registries specified"));
}

TEST_F(Load, ChecksTheStage1Location) {
  const auto stage1 = [&](std::string_view rest) {
    return complaint_about("stage1.d", cat(R"({"rktKind":"stage1","rktVersion":"v1",)", rest, "}"));
  };
  EXPECT_THAT(stage1(R"("name":"n")"), EndsWith(": default stage1 image name specified, but version is missing"));
  EXPECT_THAT(stage1(R"("version":"1")"), EndsWith(": default stage1 image version specified, but name is missing"));
  EXPECT_THAT(stage1(R"("location":"rel/x")"),
              EndsWith(": default stage1 image location is either a relative path or a URL without scheme"));
  EXPECT_THAT(stage1(R"("location":"ftp://x")"),
              EndsWith(R"(default stage1 image location URL has invalid scheme "ftp",)"
                       R"( allowed schemes are "docker\", \"file\", \"http\", \"https")"));
  EXPECT_EQ(stage1(R"("location":"docker://x")"), "");
}

}  // namespace
}  // namespace rkt::config
