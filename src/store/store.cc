// SPDX-License-Identifier: Apache-2.0
// Opening the store. The index is made aside and renamed, so that whoever finds it finds it complete.
#include "store/store.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "store/impl.h"
#include "store/schema.h"
#include "sys/group.h"
#include "sys/rootless.h"

namespace rkt::store {
namespace {

constexpr const char* kIndex = "index.db";
constexpr const char* kNewIndex = "index.db.new";

// The host's root shares the store with the group "rkt"; a user's is his own. What is made in it follows.
bool is_for_group(mode_t parent) { return (parent & S_IWGRP) != 0 || (::geteuid() == 0 && known_ids() == Ids::all); }

void create_index(const std::string& path, const DirFd& cas) {
  const KeyLock lock = KeyLock::take(make_group_dir(cas, "locks"), "create", LockMode::exclusive);
  if (cas.exists(kIndex)) return;  // somebody else was faster
  for (const char* left : {"index.db.new", "index.db.new-wal", "index.db.new-shm", "index.db.new-journal"})
    cas.unlink(left);
  {
    // The mode of the log and of the shared memory file follow that of the database file.
    const mode_t mode = is_for_group(stat_of(cas).st_mode) ? 0660 : 0600;
    const UniqueFd file = cas.open_file(kNewIndex, O_RDWR | O_CREAT | O_EXCL, mode);
    if (::fchmod(file.get(), mode) < 0) throw Error::from_errno("set the mode of the image index");
  }
  Database db = Database::create(cat(path, "/", kNewIndex));
  make_tables(db);
  db.close();
  cas.rename(kNewIndex, cas, kIndex);
  cas.sync();
  if (cas.exists("db/ql.db"))
    log::debug("store",
               cat("leaving the database of another engine alone: ", path, "/db; its images are fetched again"));
}

std::optional<DirFd> find_cas(const std::string& path) {
  try {
    return DirFd::find(path);
  } catch (Error& e) {
    if (e.code() == Errc::denied) e.hint("root and the members of group \"rkt\" may use the image store");
    throw;
  }
}

DirFd open_layout(const std::string& data, const std::string& path) {
  if (auto cas = find_cas(path)) return std::move(*cas);
  const DirFd parent = open_data_directory(data);
  DirFd cas = make_group_dir(parent, "cas");
  parent.sync();
  return cas;
}

// Converts the shared store lock, which is that of `cas`, and back.
void upgrade(const Database& db, const std::string& path, const DirFd& cas) {
  if (::geteuid() != 0 && ::geteuid() != stat_of(cas).st_uid)
    throw Error(Errc::denied, "database schema needs to be updated, re-run as root to perform the update");
  if (!DirLock::try_take(cas.clone().release(), LockMode::exclusive)) {
    log::note("store", "the image index must be updated: waiting for other rkt processes to end");
    DirLock::take(cas.clone().release(), LockMode::exclusive);
  }
  in_context([] { return std::string("update the image index"); }, [&] { migrate(db, cas, path); });
  DirLock::take(cas.clone().release(), LockMode::shared);
}

// What is made below must not inherit the group of the store: it is the image's to say whose its files are.
DirFd make_tree_dir(const DirFd& cas) {
  DirFd made = cas.make_sub("tree", 0700);
  if (::geteuid() != 0) return made;
  if (::fchown(made.get(), 0, 0) < 0) throw Error::from_errno("set the owner of \"tree\"");
  if (::fchmod(made.get(), 0700) < 0) throw Error::from_errno("set the mode of \"tree\"");
  return made;
}

// Not for the group: a rendered tree holds set-user-ID files that nobody on the host may reach. Its members can put
// another directory in the place of this one.
DirFd open_trees(const DirFd& cas) {
  if (::geteuid() != stat_of(cas).st_uid)
    throw Error(Errc::denied, "what is rendered belongs to the owner of the image store alone").hint("run rkt as root");
  auto there = cas.find_sub("tree");
  if (!there) return make_tree_dir(cas);
  const struct stat st = stat_of(*there);
  if (st.st_uid != ::geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    throw Error(Errc::denied, "others can write to \"cas/tree\", where images are rendered")
        .hint("remove that directory, it is made anew");
  return std::move(*there);
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
                      const std::int64_t version = db->user_version();
                      check_schema(version);
                      if (version < kSchema) upgrade(*db, path, cas);
                      return Store(std::make_unique<Impl>(
                          Impl{path, std::move(cas), std::move(lock), std::move(*db), writable, {}, {}, {}, {}}));
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
  if (!impl_->trees) impl_->trees = open_trees(impl_->cas);
  return *impl_->trees;
}

const DirFd& Store::cas() const noexcept { return impl_->cas; }
const std::string& Store::path() const noexcept { return impl_->path; }
std::string Store::data_path() const { return impl_->path.substr(0, impl_->path.rfind('/')); }
bool Store::writable() const noexcept { return impl_->writable; }

DirFd make_group_dir(const DirFd& parent, const std::string& name) {
  if (auto there = parent.find_sub(name)) return std::move(*there);
  if (!is_for_group(stat_of(parent).st_mode)) return parent.make_sub(name, 0700);
  DirFd made = parent.make_sub(name, 0770);
  // The umask may have taken bits away, and the set-group-ID bit that was inherited must survive giving them back.
  const struct stat st = stat_of(made);
  if (st.st_uid == ::geteuid() && ::fchmod(made.get(), (st.st_mode & 07000) | 0770) < 0)
    throw Error::from_errno(cat("set the mode of ", quoted(name)));
  return made;
}

namespace {

DirFd open_locks(const std::string& data) {
  const DirFd top = open_data_directory(data);
  auto there = top.find_sub("locks");
  return there ? std::move(*there) : top.make_sub("locks", 0750);
}

}  // namespace

KeyLock prepare_lock(const std::string& data, LockMode mode) {
  return KeyLock::take(open_locks(data), "prepareLock", mode);
}

std::optional<KeyLock> try_prepare_lock(const std::string& data) {
  return KeyLock::try_take(open_locks(data), "prepareLock", LockMode::shared);
}

}  // namespace rkt::store
