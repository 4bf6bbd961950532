// SPDX-License-Identifier: Apache-2.0
#include "store/database.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/error.h"
#include "base/escapes.h"
#include "base/log.h"
#include "base/strings.h"

namespace rkt::store {
namespace {

constexpr int kBusyMilliseconds = 30'000;

Errc code_for(int rc) {
  switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Errc::busy;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return Errc::denied;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Errc::invalid;
    default:
      return Errc::system;
  }
}

[[noreturn]] void fail(sqlite3* db, int rc, std::string_view doing) {
  const char* why = db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(rc);
  // The log and the shared memory file are grown by writing and by system calls of their own.
  const int number = db != nullptr ? sqlite3_system_errno(db) : 0;
  if ((rc & 0xff) == SQLITE_FULL || ((rc & 0xff) == SQLITE_IOERR && (number == ENOSPC || number == EDQUOT)))
    throw Error(Errc::system, cat("image index: ", doing), number == EDQUOT ? EDQUOT : ENOSPC);
  Error e(code_for(rc), cat("image index: ", doing, ": ", why));
  if (e.code() == Errc::invalid) e.hint("move cas/index.db* away; images are then fetched again");
  throw e;
}

[[noreturn]] void fail_to_open(const std::string& path, int rc, std::string_view doing) {
  constexpr std::size_t kMaxPath = 504;  // 512, with room for "-journal"
  if ((rc & 0xff) == SQLITE_CANTOPEN && path.size() > kMaxPath)
    throw Error(Errc::unsupported, cat("image index: ", doing, quoted(path), ": SQLite takes paths of at most ",
                                       kMaxPath, " bytes, this one has ", path.size()))
        .hint("use a data directory with a shorter path");
  fail(nullptr, rc, cat(doing, quoted(path)));
}

// Made for processes that read some ten pages and end: no statistics, which take a lock at each allocation, and no
// pages that nobody has asked for yet.
bool set_up_library() noexcept {
  return sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0) == SQLITE_OK &&
         sqlite3_config(SQLITE_CONFIG_PAGECACHE, nullptr, 0, 0) == SQLITE_OK;
}

sqlite3* connect(const std::string& name, int flags, int& rc) {
  [[maybe_unused]] static const bool lean = set_up_library();
  sqlite3* db = nullptr;
  rc = sqlite3_open_v2(name.c_str(), &db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  if (rc == SQLITE_OK) {
    sqlite3_busy_timeout(db, kBusyMilliseconds);
    return db;
  }
  sqlite3_close_v2(db);
  return nullptr;
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* s) const noexcept { sqlite3_finalize(s); }
void Database::Close::operator()(sqlite3* db) const noexcept { sqlite3_close_v2(db); }

Statement& Statement::bind(int index, std::string_view text) {
  const int rc = sqlite3_bind_text64(stmt_.get(), index, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  if (rc != SQLITE_OK) fail(sqlite3_db_handle(stmt_.get()), rc, "bind");
  return *this;
}

Statement& Statement::bind(int index, std::int64_t number) {
  const int rc = sqlite3_bind_int64(stmt_.get(), index, number);
  if (rc != SQLITE_OK) fail(sqlite3_db_handle(stmt_.get()), rc, "bind");
  return *this;
}

bool Statement::step() {
  const int rc = sqlite3_step(stmt_.get());
  if (rc == SQLITE_ROW) return true;
  if (rc == SQLITE_DONE) return false;
  fail(sqlite3_db_handle(stmt_.get()), rc, sqlite3_stmt_readonly(stmt_.get()) != 0 ? "read" : "write");
}

void Statement::reset() noexcept { sqlite3_reset(stmt_.get()); }

std::string Statement::text(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(stmt_.get(), column));
  return bytes == nullptr ? std::string{}
                          : std::string(bytes, static_cast<std::size_t>(sqlite3_column_bytes(stmt_.get(), column)));
}

std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(stmt_.get(), column); }

std::optional<Database> Database::open(const std::string& path, Mode mode) {
  struct stat st{};
  if (::stat(path.c_str(), &st) < 0) {
    if (errno == ENOENT) return std::nullopt;
    throw Error::from_errno(cat("open ", quoted(path)));
  }
  int rc = SQLITE_OK;
  sqlite3* raw = connect(path, mode == Mode::read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE, rc);
  if (raw == nullptr) fail_to_open(path, rc, "open ");
  Database db(raw);
  // Whoever finds nobody else here makes the shared memory file anew (0.3 ms). The URI parameter readonly_shm=1 would
  // spare that, but what a killed process leaves there makes such readers fail with "locking protocol".
  // Closing must not sync on behalf of a command that only looked; writers checkpoint by themselves.
  sqlite3_db_config(raw, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  if (mode == Mode::read_write) return db;
  rc = sqlite3_exec(raw, "SELECT 1 FROM sqlite_schema LIMIT 1", nullptr, nullptr, nullptr);
  if (rc == SQLITE_OK) return db;
  if ((rc & 0xff) != SQLITE_CANTOPEN && (rc & 0xff) != SQLITE_READONLY) fail(raw, rc, "read");
  // A reader that may not make the shared memory file. There is none, so nobody is writing: the file alone is the
  // index.
  raw = connect(cat("file:", percent_encode(path, "/"), "?immutable=1"), SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, rc);
  if (raw == nullptr) fail_to_open(path, rc, "open ");
  return Database(raw);
}

Database Database::create(const std::string& path) {
  int rc = SQLITE_OK;
  sqlite3* raw = connect(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, rc);
  if (raw == nullptr) fail_to_open(path, rc, "make ");
  Database db(raw);
  db.exec("PRAGMA journal_mode=WAL");
  return db;
}

Statement Database::prepare(std::string_view sql) const {
  sqlite3_stmt* stmt = nullptr;
  const int rc = sqlite3_prepare_v2(db_.get(), sql.data(), static_cast<int>(sql.size()), &stmt, nullptr);
  if (rc != SQLITE_OK) fail(db_.get(), rc, "prepare");
  return Statement(stmt);
}

void Database::exec(const char* sql) const {
  const int rc = sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr);
  if (rc != SQLITE_OK) fail(db_.get(), rc, "write");  // nobody has a use for the statement
}

std::int64_t Database::user_version() const {
  Statement s = prepare("PRAGMA user_version");
  return s.step() ? s.integer(0) : 0;
}

void Database::checkpoint() const noexcept {
  sqlite3_busy_timeout(db_.get(), 0);
  const int rc = sqlite3_wal_checkpoint_v2(db_.get(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  sqlite3_busy_timeout(db_.get(), kBusyMilliseconds);
  if (rc != SQLITE_OK) log::debug("store", "the image index is in use, its log is merged later");
}

Transaction::Transaction(const Database& db, Durability durability) : db_(db) {
  db.exec(durability == Durability::synced ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
  db.exec("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
  if (!open_) return;
  try {
    db_.exec("ROLLBACK");
  } catch (const Error& e) {
    log::debug("store", e.brief());  // SQLite has rolled back already, or does when the connection closes
  }
}

void Transaction::commit() {
  db_.exec("COMMIT");
  open_ = false;
}

}  // namespace rkt::store
