// SPDX-License-Identifier: Apache-2.0
#include "store/database.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/strings.h"
#include "sys/tempdir.h"
#include "tests/support/error_text.h"

namespace rkt::store {
namespace {

class DatabaseTest : public testing::Test {
 protected:
  DatabaseTest() {
    const Database db = Database::create(path_);
    db.exec("CREATE TABLE t(k TEXT PRIMARY KEY, n INTEGER)");
  }
  std::int64_t rows(const Database& db) {
    Statement s = db.prepare("SELECT count(*) FROM t");
    s.step();
    return s.integer(0);
  }
  TempDir tmp_;
  std::string path_ = cat(tmp_.path(), "/odd %?#name.db");
};

TEST_F(DatabaseTest, AMissingFileIsNotMade) {
  EXPECT_FALSE(Database::open(path_ + "x", Database::Mode::read_write));
  EXPECT_FALSE(tmp_.dir().exists("odd %?#name.dbx"));
}

TEST_F(DatabaseTest, AFailureShowsNoStatement) {
  const auto db = Database::open(path_, Database::Mode::read_only);
  EXPECT_EQ(test::error_text([&] { db->exec("CREATE TABLE secret(\n k TEXT)"); }),
            "image index: write: attempt to write a readonly database");
}

TEST_F(DatabaseTest, ATransactionThatIsNotCommittedLeavesNothing) {
  const auto db = Database::open(path_, Database::Mode::read_write);
  {
    const Transaction t(*db, Transaction::Durability::later);
    db->prepare("INSERT INTO t VALUES(?1, ?2)").bind(1, "a").bind(2, 1).step();
  }
  EXPECT_EQ(rows(*db), 0);
  Transaction t(*db, Transaction::Durability::synced);
  db->prepare("INSERT INTO t VALUES(?1, ?2)").bind(1, "a").bind(2, 1).step();
  t.commit();
  EXPECT_EQ(rows(*db), 1);
}

TEST_F(DatabaseTest, AReaderThatMayNotWriteSeesTheRowsAndCannotChangeThem) {
  const auto db = Database::open(path_, Database::Mode::read_only);
  ASSERT_TRUE(db);
  EXPECT_EQ(rows(*db), 0);
  EXPECT_THROW(db->exec("INSERT INTO t VALUES('a', 1)"), Error);
}

TEST_F(DatabaseTest, ReadersSeeTheOldRowsWhileSomebodyWrites) {
  const auto writer = Database::open(path_, Database::Mode::read_write);
  const auto reader = Database::open(path_, Database::Mode::read_write);
  Transaction t(*writer, Transaction::Durability::later);
  writer->exec("INSERT INTO t VALUES('a', 1)");
  EXPECT_EQ(rows(*reader), 0);
  t.commit();
  EXPECT_EQ(rows(*reader), 1);
}

TEST_F(DatabaseTest, TextKeepsEveryByte) {
  const auto db = Database::open(path_, Database::Mode::read_write);
  const std::string odd("a\0b'\"\n", 6);
  db->prepare("INSERT INTO t VALUES(?1, 0)").bind(1, odd).step();
  Statement s = db->prepare("SELECT k FROM t");
  ASSERT_TRUE(s.step());
  EXPECT_EQ(s.text(0), odd);
}

TEST(Database, APathThatSqliteDoesNotTakeIsTheReason) {
  const TempDir tmp;
  const std::string name(250, 'd');
  tmp.dir().make_sub(name).make_sub(name);
  try {
    (void)Database::create(cat(tmp.path(), "/", name, "/", name, "/index.db"));
    FAIL() << "taken";
  } catch (const Error& e) {
    EXPECT_TRUE(e.brief().contains("SQLite takes paths of at most 504 bytes")) << e.brief();
  }
}

}  // namespace
}  // namespace rkt::store
