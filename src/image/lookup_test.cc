// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "base/scope.h"
#include "base/strings.h"
#include "image/finder.h"
#include "image/local_file.h"
#include "image/stored_reference.h"
#include "sys/digest.h"
#include "sys/file.h"
#include "sys/tempdir.h"

namespace rkt::image {
namespace {

// As a fetch of `reference` does.
void add_fetched(store::Store& store, const store::ImageRecord& image, const std::string& reference) {
  store.add(image);
  store.add_remote({.url = cat("docker://", reference), .key = image.key});
  forget_superseded(store, image);
}

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

store::ImageRecord pulled(char key, const std::string& host, const std::string& repository, const std::string& tag) {
  store::ImageRecord r;
  r.key = cat("sha512-", std::string(64, key));
  r.kind = store::ImageKind::docker;
  r.name = appc::AcIdentifier::sanitize(cat(host, "/", repository)).str();
  r.version = tag;
  const auto note = [](const char* name, const std::string& value) {
    return cat(R"({"name":"appc.io/docker/)", name, R"(","value":")", value, R"("})");
  };
  r.manifest = cat(R"({"acKind":"ImageManifest","acVersion":"0.8.11","name":")", r.name,
                   R"(","labels":[{"name":"version","value":")", tag, R"("}],"annotations":[)",
                   note("registryurl", host), ",", note("repository", repository), ",", note("tag", tag), "]}");
  return r;
}

TEST(Lookup, AReferenceOfDockersNamesItsImage) {
  const TempDir tmp;
  store::Store store = store::Store::open(tmp.path() + "/data");
  const store::ImageRecord r = pulled('a', "registry-1.docker.io", "library/busybox", "latest");
  add_fetched(store, r, "busybox");
  EXPECT_EQ(lookup(store, "docker://docker.io/library/busybox").key, r.key);
  EXPECT_EQ(lookup(store, "docker://docker.io/library/busybox:latest").key, r.key);
  EXPECT_EQ(refused(store, "docker://docker.io/library/busybox:1"),
            "image \"docker://docker.io/library/busybox:1\" is not in the store");
  EXPECT_NE(refused(store, cat("docker://docker.io/library/busybox@sha256:", std::string(64, 'a'))), "found");
}

TEST(Lookup, AReferenceOfDockersNamesNoImageFromElsewhere) {
  const TempDir tmp;
  store::Store store = store::Store::open(tmp.path() + "/data");
  store::ImageRecord aci = pulled('a', "r.example", "x", "latest");
  aci.kind = store::ImageKind::aci;
  aci.manifest = R"({"acKind":"ImageManifest","acVersion":"0.8.11","name":"r.example/x",)"
                 R"("labels":[{"name":"version","value":"latest"}]})";
  store.add(aci);
  store.add_remote({.url = "docker://other.example/x", .key = aci.key});
  EXPECT_EQ(refused(store, "docker://r.example/x"), "image \"docker://r.example/x\" is not in the store");
  const store::ImageRecord with_port = pulled('b', "r.example:5000", "x", "latest");
  add_fetched(store, with_port, "r.example:5000/x:latest");
  EXPECT_EQ(with_port.name, "r.example_5000/x");
  EXPECT_EQ(lookup(store, "docker://r.example:5000/x").key, with_port.key);
  EXPECT_NE(refused(store, "docker://r.example_5000/x"), "found");
  store::ImageRecord same_name = pulled('c', "r.example_5000", "x", "latest");
  same_name.imported = with_port.imported + std::chrono::hours(1);
  add_fetched(store, same_name, "r.example_5000/x:latest");
  EXPECT_EQ(lookup(store, "docker://r.example:5000/x").key, with_port.key) << "also beside a younger one of its name";
}

TEST(Lookup, AReferenceNamesNoneOfTheImagesThatItMeantBefore) {
  const TempDir tmp;
  store::Store store = store::Store::open(tmp.path() + "/data");
  add_fetched(store, pulled('a', "r.example", "x", "latest"), "r.example/x");
  add_fetched(store, pulled('b', "r.example", "x", "1"), "r.example/x:1");
  const store::ImageRecord now = pulled('c', "r.example", "x", "latest");
  add_fetched(store, now, "r.example/x:latest");
  EXPECT_EQ(lookup(store, "docker://r.example/x").key, now.key) << "whatever the spelling";
  store.remove(now.key);
  for (const char* spelling : {"docker://r.example/x", "docker://r.example/x:latest"})
    EXPECT_NE(refused(store, spelling), "found");
  EXPECT_EQ(lookup(store, "docker://r.example/x:1").version, "1");
}

TEST(Lookup, AShortNameMeansWhatRegistriesConfSays) {
  const TempDir tmp;
  write_file(tmp.dir(), "registries.conf",
             "unqualified-search-registries = [\"one.example\", \"two.example\"]\n"
             "[aliases]\n\"an-app\" = \"r.example/other/app\"\n",
             0644);
  ASSERT_EQ(::setenv("CONTAINERS_REGISTRIES_CONF", (tmp.path() + "/registries.conf").c_str(), 1), 0);
  const ScopeExit restore([] { ::unsetenv("CONTAINERS_REGISTRIES_CONF"); });
  store::Store store = store::Store::open(tmp.path() + "/data");
  add_fetched(store, pulled('a', "registry-1.docker.io", "library/an-app", "latest"), "docker.io/library/an-app");
  EXPECT_NE(refused(store, "docker://an-app"), "found");
  const store::ImageRecord meant = pulled('b', "r.example", "other/app", "latest");
  add_fetched(store, meant, "r.example/other/app:latest");
  EXPECT_EQ(lookup(store, "docker://an-app").key, meant.key);
  add_fetched(store, pulled('c', "one.example", "several", "latest"), "one.example/several");
  EXPECT_NE(refused(store, "docker://several"), "found") << "which registry is meant is not known";
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
