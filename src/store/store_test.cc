// SPDX-License-Identifier: Apache-2.0
#include "store/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/strings.h"
#include "store/schema.h"
#include "sys/file.h"
#include "sys/tempdir.h"

namespace rkt::store {
namespace {

using std::chrono::hours;
using testing::ElementsAre;
using testing::HasSubstr;

TimePoint at(int seconds) { return TimePoint(std::chrono::seconds(seconds)); }

std::string key_of(char c) { return cat("sha512-", std::string(64, c)); }
std::string aci_blob(char c) { return cat("sha512-", std::string(128, c)); }
std::string layer_blob(char c) { return cat("sha256-", std::string(64, c)); }

ImageRecord image(char c, const std::string& name, const std::string& version, int imported = 100) {
  ImageRecord r;
  r.key = key_of(c);
  r.name = name;
  r.version = version;
  r.manifest = cat(R"({"acKind":"ImageManifest","acVersion":"0.8.11","name":")", name,
                   R"(","labels":[{"name":"version","value":")", version, R"("},{"name":"os","value":"linux"}]})");
  r.blobs = {aci_blob(c)};
  r.imported = r.last_used = at(imported);
  return r;
}

class StoreTest : public testing::Test {
 protected:
  std::string data() const { return cat(tmp_.path(), "/data"); }
  void put_blob(Store& store, const std::string& name, std::string_view bytes = "x") {
    write_file(store.partial(), "staging", bytes, 0600);
    store.commit_blob("staging", name);
  }
  std::string thrown(const std::function<void()>& f) {
    try {
      f();
    } catch (const Error& e) {
      return e.brief();
    }
    return "";
  }
  TempDir tmp_;
};

TEST_F(StoreTest, IsMadeOnFirstUseAndFoundAgain) {
  {
    Store store = Store::open(data());
    store.add(image('a', "example.com/a", "1"));
  }
  const Store again = Store::open(data());
  ASSERT_EQ(again.images().size(), 1U);
  EXPECT_EQ(again.images()[0].name, "example.com/a");
  EXPECT_FALSE(again.cas().exists("index.db.new"));
}

TEST_F(StoreTest, RemovesWhatAKilledCreationLeft) {
  const DirFd cas = make_dirs(data() + "/cas");
  write_file(cas, "index.db.new", "half", 0600);
  write_file(cas, "index.db.new-wal", "half", 0600);
  const Store store = Store::open(data());
  EXPECT_TRUE(store.images().empty());
  EXPECT_FALSE(cas.exists("index.db.new-wal"));
}

TEST_F(StoreTest, KeepsEveryFieldOfARecord) {
  Store store = Store::open(data());
  ImageRecord r = image('a', "registry/app", "latest");
  r.kind = ImageKind::oci;
  r.blobs = {layer_blob('1'), layer_blob('2')};
  r.chain = {"sha256:11", "sha256:22"};
  r.signed_by = "abcd";
  r.latest = true;
  r.size = 5;
  r.tree_size = 7;
  store.add(r);
  const auto found = store.find(r.key);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->kind, ImageKind::oci);
  EXPECT_THAT(found->blobs, ElementsAre(layer_blob('1'), layer_blob('2')));
  EXPECT_THAT(found->chain, ElementsAre("sha256:11", "sha256:22"));
  EXPECT_EQ(found->signed_by, "abcd");
  EXPECT_TRUE(found->latest);
  EXPECT_EQ(found->size, 5U);
  EXPECT_EQ(found->tree_size, 7U);
  EXPECT_EQ(found->imported, at(100));
  EXPECT_EQ(found->manifest, r.manifest);
}

TEST_F(StoreTest, ListsByImportTime) {
  Store store = Store::open(data());
  store.add(image('b', "example.com/b", "1", 200));
  store.add(image('a', "example.com/a", "1", 300));
  store.add(image('c', "example.com/c", "1", 100));
  std::vector<std::string> names;
  for (const auto& r : store.images()) names.push_back(r.name);
  EXPECT_THAT(names, ElementsAre("example.com/c", "example.com/b", "example.com/a"));
}

TEST_F(StoreTest, FindsByNameAndEveryRequestedLabel) {
  Store store = Store::open(data());
  store.add(image('a', "example.com/a", "1", 100));
  store.add(image('b', "example.com/a", "2", 200));
  EXPECT_EQ(store.find("example.com/a", {{"version", "1"}})->key, key_of('a'));
  EXPECT_EQ(store.find("example.com/a", {{"os", "linux"}})->key, key_of('b'));
  EXPECT_FALSE(store.find("example.com/a", {{"version", "1"}, {"os", "plan9"}}));
  EXPECT_FALSE(store.find("example.com/a", {{"arch", "amd64"}}));
  EXPECT_FALSE(store.find("example.com/none", {}));
}

TEST_F(StoreTest, PrefersLatestOnlyWhenNoVersionWasAskedFor) {
  Store store = Store::open(data());
  ImageRecord marked = image('a', "example.com/a", "1", 100);
  marked.latest = true;
  store.add(marked);
  store.add(image('b', "example.com/a", "1", 200));
  EXPECT_EQ(store.find("example.com/a", {})->key, key_of('a'));
  EXPECT_EQ(store.find("example.com/a", {{"version", "1"}})->key, key_of('b'));
}

TEST_F(StoreTest, AnUnreadableManifestHidesOnlyItsOwnImage) {
  Store store = Store::open(data());
  ImageRecord broken = image('b', "example.com/a", "1", 200);
  broken.manifest = "{";
  store.add(broken);
  store.add(image('a', "example.com/a", "1", 100));
  EXPECT_EQ(store.find("example.com/a", {{"version", "1"}})->key, key_of('a'));
  EXPECT_EQ(store.images().size(), 2U);
}

TEST_F(StoreTest, ResolvesPrefixesOfAnId) {
  Store store = Store::open(data());
  ImageRecord one = image('a', "example.com/a", "1"), two = image('a', "example.com/b", "1");
  two.key[70] = 'b';
  store.add(one);
  EXPECT_EQ(store.resolve_id("sha512-aa"), one.key);
  EXPECT_EQ(store.resolve_id(one.key + "ffff"), one.key) << "longer than a key: cut";
  EXPECT_EQ(thrown([&] { store.resolve_id("sha512-a"); }), "image ID too short");
  EXPECT_EQ(thrown([&] { store.resolve_id("sha512-bb"); }), "no image IDs found");
  EXPECT_EQ(thrown([&] { store.resolve_id("sha256-bb"); }), "badly formatted hash string");
  store.add(two);
  EXPECT_EQ(thrown([&] { store.resolve_id("sha512-aa"); }), "ambiguous image ID: \"sha512-aa\"");
  EXPECT_EQ(store.resolve_id(two.key), two.key);
}

TEST_F(StoreTest, CommitsABlobUnderItsNameAndNothingElse) {
  Store store = Store::open(data());
  put_blob(store, aci_blob('a'), "bytes");
  EXPECT_EQ(read_all(store.open_blob(aci_blob('a')).get(), "blob"), "bytes");
  EXPECT_TRUE(store.partial().names().empty());
  EXPECT_THAT(thrown([&] { store.open_blob(layer_blob('a')); }), HasSubstr("not in the store"));
  EXPECT_THROW(store.find_blob("sha512-../../../etc/passwd"), Error);
  EXPECT_THROW(store.find_blob("sha256-" + std::string(64, 'A')), Error);
}

TEST_F(StoreTest, RemovesBlobsThatNoOtherImageShares) {
  Store store = Store::open(data());
  ImageRecord one = image('a', "example.com/a", "1"), two = image('b', "example.com/b", "1");
  one.blobs = {layer_blob('1'), layer_blob('2')};
  two.blobs = {layer_blob('3'), layer_blob('2')};
  for (const char c : {'1', '2', '3'}) put_blob(store, layer_blob(c));
  store.add(one);
  store.add(two);
  store.add_remote({.url = "https://example.com/a", .key = one.key});
  store.remove(one.key);
  EXPECT_FALSE(store.find(one.key));
  EXPECT_FALSE(store.has(one.key));
  EXPECT_TRUE(store.has(two.key));
  EXPECT_FALSE(store.find_remote("https://example.com/a"));
  EXPECT_FALSE(store.find_blob(layer_blob('1')));
  EXPECT_TRUE(store.find_blob(layer_blob('2')));
}

TEST_F(StoreTest, RemovingWhileAFetchRunsLeavesBlobsToTheSweep) {
  Store store = Store::open(data());
  put_blob(store, aci_blob('a'));
  store.add(image('a', "example.com/a", "1"));
  {
    const KeyLock fetch = store.hold_blobs();
    store.remove(key_of('a'));
    EXPECT_TRUE(store.find_blob(aci_blob('a')));
    EXPECT_FALSE(store.sweep(at(0)).complete);
  }
  EXPECT_EQ(store.sweep(at(0)).blobs, 1U);
  EXPECT_FALSE(store.find_blob(aci_blob('a')));
}

TEST_F(StoreTest, WhatIsHeldOrWasUsedSinceIsNoIdleImage) {
  Store store = Store::open(data());
  for (const char c : {'a', 'b', 'c'}) store.add(image(c, "example.com/x", "1", c == 'b' ? 300 : 100));
  {
    const Store other = Store::open(data());
    other.hold_image(key_of('a'));
    other.hold_image(key_of('a'));
    EXPECT_FALSE(store.remove_idle(key_of('a'), at(200)));
  }
  EXPECT_FALSE(store.remove_idle(key_of('b'), at(200)));
  EXPECT_TRUE(store.remove_idle(key_of('a'), at(200)));
  EXPECT_TRUE(store.remove_idle(key_of('c'), at(200)));
  EXPECT_EQ(store.images().size(), 1U);
}

TEST_F(StoreTest, SweepKeepsFreshAndHeldPartialFiles) {
  Store store = Store::open(data());
  for (const char* name : {"url-held.0", "url-old.0", "url-fresh.0"}) write_file(store.partial(), name, "x", 0600);
  const timespec old[2] = {{100, 0}, {100, 0}};
  for (const char* name : {"url-held.0", "url-old.0"}) ::utimensat(store.partial().get(), name, old, 0);
  const KeyLock held = KeyLock::take(store.locks(), "url-held", LockMode::exclusive);
  store.sweep(std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now()));
  EXPECT_THAT(store.partial().names(), ElementsAre("url-fresh.0", "url-held.0"));
  EXPECT_THAT(store.locks().names(), ElementsAre("collect", "url-held")) << "lock files that nobody holds go";
}

TEST_F(StoreTest, SweepKeepsDownloadsNoLongerThanItIsTold) {
  Store store = Store::open(data());
  for (const char* name : {"url-held.0", "url-fresh.0", "url-fresh.0.info"})
    write_file(store.partial(), name, "x", 0600);
  const KeyLock held = KeyLock::take(store.locks(), "url-held", LockMode::exclusive);
  store.sweep(std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now()), {});
  EXPECT_THAT(store.partial().names(), ElementsAre("url-held.0"));
}

TEST_F(StoreTest, SweepRemovesAtOnceWhatCannotBeResumed) {
  Store store = Store::open(data());
  for (const char* name : {"file-a", "document-b", "blob-c.copy-d", "file-held", "blob-c.0"})
    write_file(store.partial(), name, "x", 0600);
  const KeyLock held = KeyLock::take(store.locks(), "file-held", LockMode::exclusive);
  const TimePoint now = std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now());
  {
    const KeyLock fetch = store.hold_blobs();
    store.sweep(now);
    EXPECT_EQ(store.partial().names().size(), 5U) << "a running fetch may be writing them";
    store.sweep(now + std::chrono::hours(1), {});
    EXPECT_EQ(store.partial().names().size(), 4U) << "but nobody resumes a download";
    write_file(store.partial(), "blob-c.0", "x", 0600);
  }
  store.sweep(now);
  EXPECT_THAT(store.partial().names(), ElementsAre("blob-c.0", "file-held"));
}

TEST_F(StoreTest, UseIsRememberedAsTheTimeStampOfTheFirstBlob) {
  Store store = Store::open(data());
  put_blob(store, aci_blob('a'));
  const ImageRecord r = image('a', "example.com/a", "1");
  store.add(r);
  const TimePoint later = at(2'000'000'000) + std::chrono::nanoseconds(5);
  store.touch(r, later);
  EXPECT_EQ(store.find(r.key)->last_used, later);
  store.touch(image('b', "example.com/none", "1"), later);  // no such file: not an error
}

TEST_F(StoreTest, TellsWhichImageAPlaceGave) {
  Store store = Store::open(data());
  store.add_remote({.url = "https://example.com/a", .key = key_of('a')});
  EXPECT_EQ(store.find_remote_key("https://example.com/a"), key_of('a'));
  EXPECT_EQ(store.find_remote_key("https://example.com/b"), std::nullopt);
}

TEST_F(StoreTest, RemembersWhereAnImageCameFrom) {
  Store store = Store::open(data());
  RemoteRecord r{"https://example.com/a.aci", "https://example.com/a.aci.asc", "\"tag\"", "Mon", key_of('a')};
  r.max_age = 30;
  r.downloaded = at(50);
  store.add_remote(r);
  const auto found = store.find_remote(r.url);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->etag, "\"tag\"");
  EXPECT_EQ(found->max_age, 30);
  EXPECT_EQ(found->downloaded, at(50));
  EXPECT_FALSE(store.find_remote("https://example.com/b.aci"));
}

TEST_F(StoreTest, RefusesADatabaseOfANewerEngine) {
  {
    const Store made = Store::open(data());
  }
  // Bytes 60-63 of an SQLite file are the user version, big endian.
  const UniqueFd file(::open((data() + "/cas/index.db").c_str(), O_RDWR | O_CLOEXEC));
  const char nine[4] = {0, 0, 0, 9};
  ASSERT_EQ(::pwrite(file.get(), nine, 4, 60), 4);
  EXPECT_THAT(
      thrown([&] { Store::open(data()); }),
      HasSubstr(cat("current store db version: 9 (greater than the current rkt expected version: ", kSchema, ")")));
}

TEST_F(StoreTest, ADamagedIndexIsAnErrorWithARemedy) {
  {
    const Store made = Store::open(data());
  }
  write_file(DirFd::open(data() + "/cas"), "index.db", std::string(8192, 'x'), 0660);
  EXPECT_THAT(thrown([&] { Store::open(data()); }), HasSubstr("cas/index.db"));
}

TEST_F(StoreTest, SurveyTellsBlobsFromStrays) {
  Store store = Store::open(data());
  EXPECT_TRUE(store.survey().blobs.empty());
  put_blob(store, aci_blob('a'));
  write_file(store.cas(), "blobs/sha512/aa/note", "x", 0600);
  write_file(store.cas(), cat("blobs/sha512/", aci_blob('b')), "x", 0600);  // not in its directory
  write_file(store.cas(), cat("blobs/sha512/aa/", aci_blob('c')), "x", 0600);
  const auto found = store.survey();
  EXPECT_THAT(found.blobs, ElementsAre(aci_blob('a')));
  EXPECT_THAT(found.strays, ElementsAre("blobs/sha512/aa/note", cat("blobs/sha512/aa/", aci_blob('c')),
                                        cat("blobs/sha512/", aci_blob('b'))));
  for (const auto& path : found.strays) store.remove_stray(path);
  EXPECT_TRUE(store.survey().strays.empty());
  EXPECT_TRUE(store.find_blob(aci_blob('a')));
  EXPECT_THROW(store.remove_stray("index.db"), Error);
  EXPECT_THROW(store.remove_stray(cat("blobs/sha512/aa/", aci_blob('a'))), Error);
}

TEST_F(StoreTest, TheSweepIsNotStoppedByStrays) {
  Store store = Store::open(data());
  put_blob(store, aci_blob('a'));
  write_file(store.cas(), "blobs/sha512/note", "x", 0600);
  make_dirs(data() + "/cas/blobs/sha512/aa/directory/deeper");
  EXPECT_EQ(store.sweep(at(0)).blobs, 2U);
  EXPECT_FALSE(store.find_blob(aci_blob('a')));
}

TEST_F(StoreTest, LeavesTheDatabaseOfTheReferenceAlone) {
  const DirFd db = make_dirs(data() + "/cas/db");
  write_file(db, "ql.db", "theirs", 0600);
  {
    const Store made = Store::open(data());
  }
  EXPECT_EQ(read_file(db, "ql.db"), "theirs");
}

}  // namespace
}  // namespace rkt::store
