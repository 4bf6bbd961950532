// SPDX-License-Identifier: Apache-2.0
#include "store/schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "store/store.h"
#include "sys/file.h"
#include "sys/tempdir.h"

namespace rkt::store {
namespace {

// The index as version 1 of the engine made it, with a row of each kind.
constexpr const char* kVersion1 = R"(
  CREATE TABLE image(
    key TEXT PRIMARY KEY, kind INTEGER NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL, manifest TEXT NOT NULL,
    blobs TEXT NOT NULL, chain TEXT NOT NULL, signed_by TEXT NOT NULL,
    imported INTEGER NOT NULL, last_used INTEGER NOT NULL,
    latest INTEGER NOT NULL, size INTEGER NOT NULL, tree_size INTEGER NOT NULL) WITHOUT ROWID;
  CREATE INDEX image_name ON image(name);
  CREATE TABLE remote(
    url TEXT PRIMARY KEY, sig_url TEXT NOT NULL, etag TEXT NOT NULL, last_modified TEXT NOT NULL,
    key TEXT NOT NULL, max_age INTEGER NOT NULL, downloaded INTEGER NOT NULL) WITHOUT ROWID;
  PRAGMA user_version=1;
  INSERT INTO remote VALUES('https://example.com/a.aci', '', '"tag"', '', 'KEY', 30, 50);
)";

std::string key_of_a() { return cat("sha512-", std::string(64, 'a')); }

class SchemaTest : public testing::Test {
 protected:
  SchemaTest() : cas_(tmp_.dir().make_sub("data").make_sub("cas")) {
    const Database db = Database::create(path() + "/index.db");
    db.exec(kVersion1);
    db.prepare("UPDATE remote SET key=?1").bind(1, key_of_a()).step();
    db.prepare("INSERT INTO image VALUES(?1, 0, 'example.com/a', '1', '{}', ?2, '', 'abcd', 100, 200, 1, 5, 7)")
        .bind(1, key_of_a())
        .bind(2, cat("sha512-", std::string(128, 'a')))
        .step();
  }
  std::string path() const { return cat(tmp_.path(), "/data/cas"); }
  std::string data() const { return cat(tmp_.path(), "/data"); }
  std::int64_t version() const {
    return Database::open(path() + "/index.db", Database::Mode::read_write)->user_version();
  }

  TempDir tmp_;
  DirFd cas_;
};

TEST_F(SchemaTest, AnIndexThatLostItsContentIsRefusedWithTheRemedy) {
  cas_.unlink("index.db");
  (void)cas_.open_file("index.db", O_RDWR | O_CREAT, 0600);
  try {
    Store::open(data());
    FAIL();
  } catch (const Error& e) {
    EXPECT_THAT(e.brief(),
                testing::HasSubstr("no schema number; move cas/index.db* away; images are then fetched again"));
  }
}

TEST_F(SchemaTest, AnOlderIndexIsBroughtUpToDateWhenTheStoreIsOpened) {
  const Store store = Store::open(data());
  EXPECT_EQ(version(), kSchema);
  ASSERT_EQ(store.images().size(), 1U);
  EXPECT_EQ(store.images()[0].signed_by, "abcd");
  EXPECT_EQ(store.images()[0].tree_size, 7U);
  ASSERT_EQ(store.remotes_of(key_of_a()).size(), 1U);
  EXPECT_EQ(store.remotes_of(key_of_a())[0].etag, "\"tag\"");
  const auto before = Database::open(path() + "/index.db.v1", Database::Mode::read_write);
  ASSERT_TRUE(before) << "the old index stays beside it";
  EXPECT_EQ(before->user_version(), 1);
}

TEST_F(SchemaTest, PasswordsOfUrlsAreForgotten) {
  {
    const auto old = Database::open(path() + "/index.db", Database::Mode::read_write);
    old->exec(R"(
      INSERT INTO remote VALUES('https://u:s3cret@h/a.aci?v=1', 'https://u:s3cret@h/a.aci.asc', 'mine', '', 'K', 0, 2);
      INSERT INTO remote VALUES('https://v:s3cret@h/a.aci?v=1', 'https://h/a.aci.asc', 'earlier', '', 'K', 0, 1);
      INSERT INTO remote VALUES('https://h/b.aci', '', 'without', '', 'L', 0, 7);
      INSERT INTO remote VALUES('https://w:s3cret@h/b.aci', '', 'with', '', 'L', 0, 6);
      INSERT INTO remote VALUES('https://h/@c', '', 'other', '', 'M', 0, 6);)");
    old->checkpoint();
    old->prepare("VACUUM INTO ?1").bind(1, path() + "/index.db.v0").step();
  }
  cas_.rename("index.db.v0", cas_, "index.db.v1");
  Database::open(path() + "/index.db", Database::Mode::read_write)->exec("CREATE INDEX remote_key ON remote(key)");
  Database::open(path() + "/index.db", Database::Mode::read_write)->exec("PRAGMA user_version=2");
  {
    const Store store = Store::open(data());
    ASSERT_TRUE(store.find_remote("https://h/a.aci?v=1"));
    EXPECT_EQ(store.find_remote("https://h/a.aci?v=1")->etag, "mine");
    EXPECT_EQ(store.find_remote("https://h/a.aci?v=1")->sig_url, "https://h/a.aci.asc");
    EXPECT_EQ(store.find_remote("https://h/b.aci")->etag, "without");
    EXPECT_TRUE(store.find_remote("https://h/@c"));
    EXPECT_EQ(store.remotes().size(), 4U);
  }
  int files = 0;
  for (const auto& name : cas_.names()) {
    if (!name.starts_with("index.db")) continue;
    ++files;
    EXPECT_EQ(read_file(cas_, name).find("s3cret"), std::string::npos) << name;
  }
  EXPECT_GE(files, 3) << "the index and two copies";
}

TEST_F(SchemaTest, AMigratedIndexHasTheTablesOfANewOne) {
  const auto tables = [](const std::string& at) {
    const auto db = Database::open(at, Database::Mode::read_write);
    Statement s = db->prepare(
        "SELECT group_concat(name || ' ' || tbl_name, ',') FROM (SELECT * FROM sqlite_schema ORDER BY name)");
    s.step();
    return s.text(0);
  };
  const Store migrated = Store::open(data()), made = Store::open(cat(tmp_.path(), "/new"));
  EXPECT_EQ(tables(path() + "/index.db"), tables(tmp_.path() + "/new/cas/index.db"));
}

TEST_F(SchemaTest, AnAbortedMigrationLeavesTheOldVersion) {
  const pid_t child = ::fork();
  if (child == 0) {
    const auto db = Database::open(path() + "/index.db", Database::Mode::read_write);
    Transaction t(*db, Transaction::Durability::synced);
    db->exec("CREATE INDEX remote_key ON remote(key)");
    db->exec("PRAGMA user_version=2");
    ::_exit(0);  // killed before the commit
  }
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(version(), 1);
  EXPECT_EQ(Store::open(data()).images().size(), 1U);
  EXPECT_EQ(version(), kSchema);
}

TEST_F(SchemaTest, WhatAKilledBackupLeftIsNoObstacle) {
  cas_.open_file("index.db.v1.new", O_CREAT | O_WRONLY, 0600);
  cas_.open_file("index.db.v1", O_CREAT | O_WRONLY, 0600);
  const Store store = Store::open(data());
  EXPECT_EQ(store.images().size(), 1U);
  EXPECT_FALSE(cas_.exists("index.db.v1.new"));
}

TEST_F(SchemaTest, TwoProcessesMigrateOnce) {
  std::array<pid_t, 4> children{};
  for (auto& child : children) {
    child = ::fork();
    if (child != 0) continue;
    try {
      const Store store = Store::open(data());
      ::_exit(store.images().size() == 1 ? 0 : 1);
    } catch (const Error&) {
      ::_exit(2);
    }
  }
  for (const pid_t child : children) {
    int status = -1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(version(), kSchema);
}

}  // namespace
}  // namespace rkt::store
