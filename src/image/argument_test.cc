// SPDX-License-Identifier: Apache-2.0
#include "image/argument.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/strings.h"

namespace rkt::image {
namespace {

using testing::HasSubstr;
using Kind = Argument::Kind;

// A file system with one of each kind.
PathKind fake_probe(const std::string& path) {
  if (path.ends_with("/busybox") || path.ends_with("/x.aci")) return PathKind::file;
  if (path.ends_with("/layout") || path.ends_with("/with:colon")) return PathKind::layout;
  if (path.ends_with("/layout.tar")) return PathKind::archive;
  if (path.ends_with("/dir")) return PathKind::directory;
  return PathKind::missing;
}

Argument arg(std::string_view text, bool ids = true) { return classify(text, ids, "/cwd", fake_probe); }

std::string refused(std::string_view text) {
  try {
    arg(text);
  } catch (const Error& e) {
    return e.brief();
  }
  return "accepted";
}

struct Row {
  const char* text;
  Kind kind;
  const char* means;
  const char* reference = "";
};

class Classified : public testing::TestWithParam<Row> {};

TEST_P(Classified, AsTheReference) {
  const Argument a = arg(GetParam().text);
  EXPECT_EQ(a.kind, GetParam().kind);
  EXPECT_EQ(a.text, GetParam().means);
  EXPECT_EQ(a.reference, GetParam().reference);
}

INSTANTIATE_TEST_SUITE_P(
    Table, Classified,
    testing::Values(
        Row{"sha512-zz", Kind::id, "sha512-zz"}, Row{"sha256-x", Kind::name, "sha256-x"},
        Row{"https://e.com/a.aci?q=1#f", Kind::url, "https://e.com/a.aci?q=1#f"},
        Row{"http://e.com/a.aci", Kind::url, "http://e.com/a.aci"},
        Row{"file:///tmp/a%20b.aci", Kind::file, "/tmp/a b.aci"}, Row{"docker://busybox", Kind::docker, "busybox"},
        Row{"docker:busybox:1", Kind::docker, "busybox:1"},
        Row{"DOCKER://h:5000/x@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", Kind::docker,
            "h:5000/x@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
        Row{"my-app:v1", Kind::name, "my-app:v1"},
        Row{"example.com/app:1.0,os=linux", Kind::name, "example.com/app:1.0,os=linux"},
        Row{"/abs/x.aci", Kind::file, "/abs/x.aci"}, Row{"x.aci", Kind::file, "/cwd/x.aci"},
        Row{"./none.aci", Kind::file, "/cwd/./none.aci"}, Row{"none.aci", Kind::file, "/cwd/none.aci"},
        Row{"/odd#?%zz.aci", Kind::file, "/odd#?%zz.aci"}, Row{"example.com/none", Kind::name, "example.com/none"},
        Row{"oci:layout", Kind::layout, "/cwd/layout"}, Row{"oci:layout:a:b", Kind::layout, "/cwd/layout", "a:b"},
        Row{"oci:/with:colon", Kind::layout, "/with:colon"},
        Row{"oci:/with:colon:v1", Kind::layout, "/with:colon", "v1"},
        Row{"oci:layout.tar:v1", Kind::layout_archive, "/cwd/layout.tar", "v1"},
        Row{"oci-archive:/layout.tar", Kind::layout_archive, "/layout.tar"},
        Row{"docker-archive:/layout.tar:a/b:1", Kind::layout_archive, "/layout.tar", "a/b:1"},
        Row{"docker-archive:layout.tar", Kind::layout_archive, "/cwd/layout.tar"},
        Row{"docker-archive:1.2", Kind::name, "docker-archive:1.2"}, Row{"/layout", Kind::layout, "/layout"},
        Row{"layout", Kind::name, "layout"}, Row{"./layout", Kind::layout, "/cwd/./layout"},
        Row{"A/layout", Kind::layout, "/cwd/A/layout"}, Row{"./layout.tar", Kind::layout_archive, "/cwd/./layout.tar"},
        Row{"/layout.tar", Kind::layout_archive, "/layout.tar"},
        Row{"cimd:docker:v=0:busybox", Kind::docker, "busybox"},
        Row{"cimd:aci-archive:v=0:https%3A%2F%2Fe.com%2Fa.aci", Kind::url, "https://e.com/a.aci"},
        Row{"cimd:appc:v=0:e.com/a?version=1%2B2", Kind::name, "e.com/a,version=1+2"}));

TEST(Classify, AnIdIsAnyOtherNameForFetch) { EXPECT_EQ(arg("sha512-aa", false).kind, Kind::name); }

TEST(Classify, RefusesWithTheReferencesTexts) {
  EXPECT_THAT(refused("foo_bar:1.0"), HasSubstr("first path segment in URL cannot contain colon"));
  EXPECT_EQ(
      refused("https://e.com/a.tar"),
      "invalid image string \"https://e.com/a.tar\"; the names of ACI files and URLs end in .aci; an OCI layout has a "
      "file oci-layout");
  EXPECT_THAT(refused("busybox"), HasSubstr("invalid image string \"file:///cwd/busybox\""))
      << "a file of that name hides the image";
  EXPECT_EQ(refused("e.com/layout.tar"),
            "invalid image string \"e.com/layout.tar\": there is a file of that name; write "
            "./e.com/layout.tar for the file; from another directory it is the image");
  EXPECT_THAT(refused("/dir"), HasSubstr("invalid image string \"file:///dir\"; the names"));
  EXPECT_EQ(refused("/none"), "invalid image string \"file:///none\"; there is no such file or directory");
  EXPECT_EQ(refused("a:b:c"),
            "invalid appc image string \"a:b:c\": malformed app string - colon may appear at most once");
  EXPECT_EQ(
      refused("a b,c=d"),
      "invalid appc image string \"a b,c=d\": ACIdentifier must contain only lower case alphanumeric characters plus "
      "\"-._~/\"");
  EXPECT_EQ(
      refused("docker://BAD/Name"),
      "docker distribution creation error: bad docker URL \"docker://BAD/Name\": invalid reference format: repository "
      "name must be lowercase");
  EXPECT_THAT(refused("oci:none"), HasSubstr("no OCI layout"));
  EXPECT_THAT(refused(":x"), HasSubstr("missing protocol scheme"));
  EXPECT_THAT(refused("cimd:aci-archive:v=0:ftp%3A%2F%2Fe.com%2Fa.aci"),
              HasSubstr("an unsupported URL scheme \"ftp\""));
  EXPECT_THAT(refused("file:///bad%zz.aci"), HasSubstr("invalid image string \"file:///bad%zz.aci\""));
}

}  // namespace
}  // namespace rkt::image
