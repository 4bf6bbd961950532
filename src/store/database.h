// SPDX-License-Identifier: Apache-2.0
// SQLite as this project uses it: one connection, prepared statements, immediate transactions. The only header of the
// project that names SQLite's types; its errors leave as rkt::Error. Opening and reading cost a handful of system calls
// and never sync.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace rkt::store {

class Statement {
 public:
  Statement& bind(int index, std::string_view text);  ///< parameters count from 1
  Statement& bind(int index, std::int64_t number);
  bool step();                         ///< true: a row is there
  void reset() noexcept;               ///< as before the first step(); until then its transaction stays open
  std::string text(int column) const;  ///< columns count from 0
  std::int64_t integer(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* s) const noexcept;
  };
  explicit Statement(sqlite3_stmt* s) : stmt_(s) {}
  std::unique_ptr<sqlite3_stmt, Finalize> stmt_;
};

class Database {
 public:
  enum class Mode { read_write, read_only };
  /// nullopt: there is no such file. Waits at most 30 s for another process's transaction.
  static std::optional<Database> open(const std::string& path, Mode mode);
  /// A new file in WAL mode that must not exist; closing it leaves one self-contained file.
  static Database create(const std::string& path);

  Statement prepare(std::string_view sql) const;
  void exec(const char* sql) const;
  std::int64_t user_version() const;
  /// Moves the log into the file when nobody is reading, so that the next process to open it has no log to recover. Not
  /// getting to it is fine: the next writer tries again.
  void checkpoint() const noexcept;
  void close() noexcept { db_.reset(); }

 private:
  struct Close {
    void operator()(sqlite3* db) const noexcept;
  };
  explicit Database(sqlite3* db) : db_(db) {}
  std::unique_ptr<sqlite3, Close> db_;
};

/// BEGIN IMMEDIATE; rolled back unless committed.
class Transaction {
 public:
  enum class Durability {
    synced,  ///< on disk when commit() returns
    later,   ///< consistent, but a power cut may lose it
  };
  Transaction(const Database& db, Durability durability);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  const Database& db_;
  bool open_ = true;
};

}  // namespace rkt::store
