// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "base/strings.h"
#include "image/finder.h"
#include "image/local_file.h"
#include "sys/digest.h"
#include "sys/file.h"
#include "sys/tempdir.h"

namespace rkt::image {
namespace {

std::string refused(const store::Store& store, const std::string& argument) {
  try {
    lookup(store, argument);
  } catch (const Error& e) {
    return e.brief();
  }
  return "found";
}

TEST(Lookup, AcceptsIdsAndNamesAndSaysWhatIsMissing) {
  const TempDir tmp;
  store::Store store = store::Store::open(tmp.path() + "/data");
  store::ImageRecord r;
  r.key = cat("sha512-", std::string(64, 'a'));
  r.name = "example.com/a";
  r.manifest = R"({"acKind":"ImageManifest","acVersion":"0.8.11","name":"example.com/a",)"
               R"("labels":[{"name":"version","value":"1"}]})";
  store.add(r);
  EXPECT_EQ(lookup(store, "sha512-aaa").key, r.key);
  EXPECT_EQ(lookup(store, "example.com/a").key, r.key) << "no os and arch labels are added";
  EXPECT_EQ(lookup(store, "example.com/a:1").key, r.key);
  store.add_remote({.url = "https://example.com/a.aci", .key = r.key});
  EXPECT_EQ(lookup(store, "https://example.com/a.aci").key, r.key);
  EXPECT_EQ(refused(store, "https://example.com/b.aci"), "image \"https://example.com/b.aci\" is not in the store");
  EXPECT_EQ(refused(store, "sha512-bb"), "no image IDs found");
  EXPECT_EQ(refused(store, "example.com/b"),
            "cannot find aci satisfying name: \"example.com/b\" and labels: [] in the local store");
  EXPECT_EQ(refused(store, "example.com/a:2"),
            "cannot find aci satisfying name: \"example.com/a\" and labels: [{\"version\" \"2\"}] in the local store");
}

TEST(Lookup, AReferenceOfDockersNamesItsImage) {
  const TempDir tmp;
  store::Store store = store::Store::open(tmp.path() + "/data");
  store::ImageRecord r;
  r.key = cat("sha512-", std::string(64, 'a'));
  r.name = "registry-1.docker.io/library/busybox";
  r.version = "latest";
  r.manifest = R"({"acKind":"ImageManifest","acVersion":"0.8.11","name":"registry-1.docker.io/library/busybox",)"
               R"("labels":[{"name":"version","value":"latest"}]})";
  store.add(r);
  EXPECT_EQ(lookup(store, "docker://busybox").key, r.key);
  EXPECT_EQ(lookup(store, "docker://docker.io/library/busybox:latest").key, r.key);
  EXPECT_EQ(refused(store, "docker://busybox:1"), "image \"docker://busybox:1\" is not in the store");
  EXPECT_NE(refused(store, cat("docker://busybox@sha256:", std::string(64, 'a'))), "found");
}

TEST(PrivateCopy, IsTheWholeFileWhateverHappensToTheOriginal) {
  const TempDir tmp;
  const std::string bytes(300'000, 'x');
  write_file(tmp.dir(), "image", bytes, 0644);
  const UniqueFd source = tmp.dir().open_file("image", O_RDONLY);
  const UniqueFd copy = private_copy(source.get(), tmp.dir(), "copy");
  write_file(tmp.dir(), "image", "changed", 0644);
  EXPECT_EQ(read_all(copy.get(), "copy"), bytes);
  EXPECT_EQ(digest_of_file(copy.get(), "sha256"), sha256_hex(bytes));
  EXPECT_EQ(digest_of_file(copy.get(), "sha512"), sha512_hex(bytes));
}

TEST(PrivateCopy, RefusesWhatIsNoRegularFile) {
  const TempDir tmp;
  const DirFd dir = DirFd::open("/dev");
  EXPECT_THROW(private_copy(dir.open_file("null", O_RDONLY).get(), tmp.dir(), "copy"), Error);
  EXPECT_FALSE(tmp.dir().exists("copy"));
}

}  // namespace
}  // namespace rkt::image
