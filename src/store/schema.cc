// SPDX-License-Identifier: Apache-2.0
#include "store/schema.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <map>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "base/url.h"

namespace rkt::store {
namespace {

constexpr const char* kTables = R"(
  CREATE TABLE image(
    key TEXT PRIMARY KEY, kind INTEGER NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL, manifest TEXT NOT NULL,
    blobs TEXT NOT NULL, chain TEXT NOT NULL, signed_by TEXT NOT NULL,
    imported INTEGER NOT NULL, last_used INTEGER NOT NULL,
    latest INTEGER NOT NULL, size INTEGER NOT NULL, tree_size INTEGER NOT NULL) WITHOUT ROWID;
  CREATE INDEX image_name ON image(name);
  CREATE TABLE remote(
    url TEXT PRIMARY KEY, sig_url TEXT NOT NULL, etag TEXT NOT NULL, last_modified TEXT NOT NULL,
    key TEXT NOT NULL, max_age INTEGER NOT NULL, downloaded INTEGER NOT NULL) WITHOUT ROWID;
  CREATE INDEX remote_key ON remote(key);
)";

// kSteps[N - 1]: from version N to N + 1.
constexpr std::int64_t kWithoutPasswords = 3;

constexpr std::array<const char*, kSchema - 1> kSteps = {
    "CREATE INDEX remote_key ON remote(key)",  // where an image came from: removal, and repair of damaged blobs
    "",                                        // no row has a password
};

void set_version(const Database& db, std::int64_t version) { db.exec(cat("PRAGMA user_version=", version).c_str()); }

// Rows of before version 3 have the URLs that the user gave, with password and all. Without it a row is a row of its
// version all the same, so that what is done when this is interrupted is no less right.
void forget_passwords(const Database& db) {
  db.exec("PRAGMA secure_delete=ON");  // nor are they left in parts of the file that become free
  Transaction t(db, Transaction::Durability::synced);
  std::map<std::string, std::string> rows;  // url -> sig_url
  Statement s = db.prepare("SELECT url, sig_url FROM remote WHERE url LIKE '%://%@%' OR sig_url LIKE '%://%@%'");
  while (s.step()) rows.emplace(s.text(0), s.text(1));
  for (const auto& [url, signature] : rows) {
    const std::string place = without_user_info(url);
    db.prepare("UPDATE remote SET sig_url=?2 WHERE url=?1").bind(1, url).bind(2, without_user_info(signature)).step();
    if (place == url) continue;
    // Of two accounts at one place the later counts.
    db.prepare("DELETE FROM remote WHERE url=?1 AND downloaded<=(SELECT downloaded FROM remote WHERE url=?2)")
        .bind(1, url)
        .bind(2, place)
        .step();
    db.prepare("UPDATE OR REPLACE remote SET url=?2 WHERE url=?1").bind(1, url).bind(2, place).step();
  }
  t.commit();
  db.checkpoint();
}

// Of what an earlier update left beside the index, too.
void forget_passwords_of_copies(const std::string& path, std::int64_t version) {
  for (std::int64_t copy = 1; copy < version; ++copy) {
    const std::string name = cat(path, "/index.db.v", copy);
    try {
      if (const auto db = Database::open(name, Database::Mode::read_write)) forget_passwords(*db);
    } catch (const Error& e) {
      log::note("store", cat("passwords of URLs may be left in ", quoted(name), ": ", e.brief()));
    }
  }
}

// What somebody needs who goes back to the older engine.
void back_up(const Database& db, const DirFd& cas, const std::string& path, std::int64_t version) {
  const std::string name = cat("index.db.v", version), aside = name + ".new";
  cas.unlink(aside);
  db.prepare("VACUUM INTO ?1").bind(1, cat(path, "/", aside)).step();
  const UniqueFd copy = cas.open_file(aside, O_RDONLY);
  if (::fchmod(copy.get(), 0660) < 0) throw Error::from_errno(cat("set the mode of ", quoted(aside)));
  if (::fsync(copy.get()) < 0) throw Error::from_errno(cat("sync ", quoted(aside)));
  cas.rename(aside, cas, name);
  cas.sync();
}

}  // namespace

void make_tables(const Database& db) {
  db.exec(kTables);
  set_version(db, kSchema);
}

void check_schema(std::int64_t found) {
  if (found > kSchema)
    throw Error(Errc::unsupported, cat("current store db version: ", found,
                                       " (greater than the current rkt expected version: ", kSchema, ")"));
  if (found < 1)
    throw Error(Errc::invalid, "image index: it carries no schema number")
        .hint("move cas/index.db* away; images are then fetched again");
}

void migrate(const Database& db, const DirFd& cas, const std::string& path) {
  const std::int64_t from = db.user_version();
  check_schema(from);
  if (from == kSchema) return;     // somebody else was faster
  if (from < kWithoutPasswords) {  // first, so that the copy has none either
    forget_passwords_of_copies(path, from);
    forget_passwords(db);
  }
  back_up(db, cas, path, from);
  Transaction t(db, Transaction::Durability::synced);
  for (std::int64_t version = from; version < kSchema; ++version)
    db.exec(kSteps.at(static_cast<std::size_t>(version - 1)));
  set_version(db, kSchema);
  t.commit();
  db.checkpoint();
  log::debug("store", cat("image index updated from version ", from, " to ", kSchema));
}

}  // namespace rkt::store
