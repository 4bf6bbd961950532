// SPDX-License-Identifier: Apache-2.0
// Opening the store. The index is made aside and renamed, so that whoever finds it finds it complete.
#include "store/store.h"

#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "store/impl.h"

namespace rkt::store {
namespace {

constexpr const char* kIndex = "index.db";
constexpr const char* kNewIndex = "index.db.new";

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
  PRAGMA user_version=1;
)";

void create_index(const std::string& path, const DirFd& cas) {
  const KeyLock lock = KeyLock::take(make_group_dir(cas, "locks"), "create", LockMode::exclusive);
  if (cas.exists(kIndex)) return;  // somebody else was faster
  for (const char* left : {"index.db.new", "index.db.new-wal", "index.db.new-shm", "index.db.new-journal"})
    cas.unlink(left);
  {
    // The mode of the log and of the shared memory file follow that of the database file.
    const UniqueFd file = cas.open_file(kNewIndex, O_RDWR | O_CREAT | O_EXCL, 0660);
    if (::fchmod(file.get(), 0660) < 0) throw Error::from_errno("set the mode of the image index");
  }
  Database db = Database::create(cat(path, "/", kNewIndex));
  db.exec(kTables);
  db.close();
  cas.rename(kNewIndex, cas, kIndex);
  cas.sync();
  if (cas.exists("db/ql.db"))
    log::debug("store",
               cat("leaving the database of another engine alone: ", path, "/db; its images are fetched again"));
}

DirFd open_layout(const std::string& data, const std::string& path) {
  if (auto cas = DirFd::find(path)) return std::move(*cas);
  const DirFd parent = make_dirs(data, 0750);
  DirFd cas = make_group_dir(parent, "cas");
  parent.sync();
  return cas;
}

void check_version(std::int64_t found) {
  if (found > kSchema)
    throw Error(Errc::unsupported, cat("current store db version: ", found,
                                       " (greater than the current rkt expected version: ", kSchema, ")"));
  if (found < 1) throw Error(Errc::invalid, "image index: it carries no schema number");
}

}  // namespace

Store Store::open(const std::string& data) {
  const std::string path = cat(data, "/cas");
  return in_context([&] { return cat("cannot open store"); },
                    [&] {
                      DirFd cas = open_layout(data, path);
                      DirLock lock = DirLock::take(cas.clone().release(), LockMode::shared);
                      const bool writable = ::faccessat(cas.get(), ".", W_OK, AT_EACCESS) == 0;
                      const auto mode = writable ? Database::Mode::read_write : Database::Mode::read_only;
                      const std::string index = cat(path, "/", kIndex);
                      auto db = Database::open(index, mode);
                      if (!db) {
                        create_index(path, cas);
                        db = Database::open(index, mode);
                        if (!db) throw Error(Errc::busy, "the image index disappeared");
                      }
                      check_version(db->user_version());
                      return Store(std::make_unique<Impl>(
                          Impl{path, std::move(cas), std::move(lock), std::move(*db), writable, {}, {}, {}}));
                    });
}

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::Store(Store&&) noexcept = default;
Store::~Store() = default;

void Store::Impl::need_write() const {
  if (!writable) throw Error(Errc::denied, cat("the image store ", quoted(path), " is read-only for this user"));
}

const DirFd& Store::partial() const {
  if (!impl_->partial) impl_->partial = make_group_dir(impl_->cas, "partial");
  return *impl_->partial;
}

const DirFd& Store::locks() const {
  if (!impl_->locks) impl_->locks = make_group_dir(impl_->cas, "locks");
  return *impl_->locks;
}

const DirFd& Store::trees() const {
  if (!impl_->trees) {
    // Not for the group: a rendered tree holds set-user-ID files that nobody on the host may reach.
    if (auto there = impl_->cas.find_sub("tree"))
      impl_->trees = std::move(*there);
    else
      impl_->trees = impl_->cas.make_sub("tree", 0700);
  }
  return *impl_->trees;
}

const DirFd& Store::cas() const noexcept { return impl_->cas; }
const std::string& Store::path() const noexcept { return impl_->path; }
bool Store::writable() const noexcept { return impl_->writable; }

DirFd make_group_dir(const DirFd& parent, const std::string& name) {
  if (auto there = parent.find_sub(name)) return std::move(*there);
  DirFd made = parent.make_sub(name, 0770);
  struct stat st{};
  // The umask may have taken bits away, and the set-group-ID bit that was inherited must survive giving them back.
  if (::fstat(made.get(), &st) == 0 && st.st_uid == ::geteuid() &&
      ::fchmod(made.get(), (st.st_mode & 07000) | 0770) < 0)
    throw Error::from_errno(cat("set the mode of ", quoted(name)));
  return made;
}

KeyLock prepare_lock(const std::string& data, LockMode mode) {
  return KeyLock::take(make_dirs(cat(data, "/locks"), 0750), "prepareLock", mode);
}

}  // namespace rkt::store
