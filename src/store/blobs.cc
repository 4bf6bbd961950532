// SPDX-License-Identifier: Apache-2.0
// The files of the store: blobs, and what is collected.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <set>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "store/impl.h"

namespace rkt::store {
namespace {

constexpr std::string_view kAlgorithms[] = {"sha512", "sha256"};

bool is_directory(const DirFd& dir, const std::string& name) {
  struct stat st{};
  return ::fstatat(dir.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

std::set<std::string> words_of(Statement s) {
  std::set<std::string> out;
  while (s.step()) {
    const std::string text = s.text(0);
    for (const auto w : split(text, ' '))
      if (!w.empty()) out.emplace(w);
  }
  return out;
}

// What a later download of the same thing goes on with; anything else in there dies with its process.
bool is_resumable(const std::string& name) {
  return name.starts_with("url-") || (name.starts_with("blob-") && name.find(".copy-") == std::string::npos);
}

// Old or useless partial files whose lock is free. The lock's name is the file's up to the first dot; small documents
// have none, but are only written while blobs are held, so `idle` (nobody holds them) decides about all that cannot be
// resumed, however old.
void sweep_partial(const DirFd& partial, const DirFd& locks, TimePoint older_than, bool idle) {
  for (const auto& name : partial.names()) {
    struct stat st{};
    if (::fstatat(partial.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) continue;
    const bool old = TimePoint(std::chrono::seconds(st.st_mtim.tv_sec)) <= older_than;
    if (is_resumable(name) ? !old : !idle) continue;
    const auto lock = KeyLock::try_take(locks, name.substr(0, name.find('.')), LockMode::exclusive);
    if (lock) partial.remove_tree(name);
  }
}

std::optional<DirFd> find_shard(const DirFd& cas, const std::string& blob) {
  const std::string path = blob_path(blob);
  return find_below(cas, path.substr(0, path.rfind('/')));
}

void unlink_blob(const DirFd& cas, const std::string& blob) {
  if (const auto shard = find_shard(cas, blob)) shard->remove_tree(blob);  // a directory may have been put there
}

std::string aside_name(const std::string& blob) { return cat("damaged-", blob); }

std::string image_lock(const std::string& key) { return cat("image-", key); }

void sweep_locks(const DirFd& locks) {
  for (const auto& name : locks.names()) {
    if (const auto lock = KeyLock::try_take(locks, name, LockMode::exclusive)) locks.unlink(name);
  }
}

}  // namespace

void check_blob_name(const std::string& name) {
  const auto dash = name.find('-');
  const std::string_view alg = std::string_view(name).substr(0, dash);
  const std::string_view hex = dash == std::string::npos ? std::string_view{} : std::string_view(name).substr(dash + 1);
  const std::size_t want = alg == "sha512" ? 128 : alg == "sha256" ? 64 : 0;
  const bool good = want != 0 && hex.size() == want &&
                    std::ranges::all_of(hex, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  if (!good) throw Error(Errc::invalid, cat("malformed blob name ", quoted(name)));
}

std::string blob_path(const std::string& name) {
  check_blob_name(name);
  return cat("blobs/", name.substr(0, 6), "/", name.substr(7, 2), "/", name);
}

std::optional<DirFd> find_below(const DirFd& dir, const std::string& path) {
  return in_context([&] { return cat("a directory of the image store, ", quoted(path)); },
                    [&] { return dir.find_below(path); });
}

std::optional<UniqueFd> Store::find_blob(const std::string& name) const {
  const auto shard = find_shard(impl_->cas, name);
  struct stat st{};
  if (!shard || ::fstatat(shard->get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) return std::nullopt;
  if (!S_ISREG(st.st_mode))
    throw Error(Errc::invalid, cat("blob ", quoted(name), " is not a regular file"))
        .hint("`rkt store check --repair` mends the store");
  return shard->find_file(name, O_RDONLY | O_NONBLOCK);
}

UniqueFd Store::open_blob(const std::string& name) const {
  if (auto fd = find_blob(name)) return std::move(*fd);
  throw Error(Errc::not_found, cat("blob ", quoted(name), " is not in the store")).hint("fetch the image again");
}

void Store::commit_blob(const std::string& staging_name, const std::string& name) {
  impl_->need_write();
  check_blob_name(name);
  const DirFd& staging = partial();
  {
    const UniqueFd fd = staging.open_file(staging_name, O_RDONLY);
    if (::fchmod(fd.get(), 0640) < 0) throw Error::from_errno(cat("set the mode of ", quoted(staging_name)));
    if (::fsync(fd.get()) < 0) throw Error::from_errno(cat("sync ", quoted(staging_name)));
  }
  const DirFd blobs = make_group_dir(impl_->cas, "blobs");
  const DirFd alg = make_group_dir(blobs, name.substr(0, 6));
  const std::string shard_name = name.substr(7, 2);
  const bool new_shard = !alg.exists(shard_name);
  const DirFd shard = make_group_dir(alg, shard_name);
  staging.rename(staging_name, shard, name);
  shard.sync();
  if (!new_shard) return;
  alg.sync();
  blobs.sync();
  impl_->cas.sync();
}

void Store::touch(const ImageRecord& record, TimePoint now) const noexcept {
  if (record.blobs.empty()) return;
  const auto ns = now.time_since_epoch().count();
  timespec times[2] = {{0, UTIME_OMIT}, {ns / 1'000'000'000, ns % 1'000'000'000}};
  try {
    const std::string& blob = record.blobs.front();
    const auto shard = find_shard(impl_->cas, blob);
    if (!shard || ::utimensat(shard->get(), blob.c_str(), times, AT_SYMLINK_NOFOLLOW) < 0)
      log::debug("store", cat("not noting the use of ", quoted(record.key)));
  } catch (const std::exception& e) {
    log::debug("store", e.what());
  }
}

void Store::remove(const std::string& key) {
  impl_->need_write();
  std::optional<ImageRecord> record;
  try {
    record = find(key);
  } catch (const Error& e) {
    if (e.code() != Errc::invalid) throw;
    log::debug("store", e.brief());  // a row that cannot be read goes all the same; sweep() finds its blobs
  }
  {
    Transaction t(impl_->db, Transaction::Durability::synced);
    impl_->db.prepare("DELETE FROM image WHERE key=?1").bind(1, key).step();
    impl_->db.prepare("DELETE FROM remote WHERE key=?1").bind(1, key).step();
    t.commit();
  }
  impl_->db.checkpoint();
  if (!record) return;
  const auto lock = KeyLock::try_take(locks(), "collect", LockMode::exclusive);
  if (!lock) {
    log::debug("store", "an image is being fetched: blobs stay until the next image gc");
    return;
  }
  const auto shared = words_of(impl_->db.prepare("SELECT blobs FROM image"));
  for (const auto& blob : record->blobs)
    if (!shared.contains(blob)) unlink_blob(impl_->cas, blob);
}

void Store::hold_image(const std::string& key) const {
  if (!impl_->writable || impl_->held.contains(key)) return;
  impl_->held.emplace(key, KeyLock::take(locks(), image_lock(key), LockMode::shared));
}

bool Store::remove_idle(const std::string& key, TimePoint since) {
  const auto lock = KeyLock::try_take(locks(), image_lock(key), LockMode::exclusive);
  if (!lock) return false;
  const auto image = find(key);
  const auto now = std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now());
  // What was used in the future, a clock that went wrong has used.
  if (image && image->last_used > since && image->last_used <= now) return false;
  remove(key);
  return true;
}

KeyLock Store::hold_blobs() const { return KeyLock::take(locks(), "collect", LockMode::shared); }

Store::Sweep Store::sweep(TimePoint now, std::chrono::nanoseconds partial_life) {
  impl_->need_write();
  Sweep done;
  const auto idle = KeyLock::try_take(locks(), "collect", LockMode::exclusive);
  done.complete = idle.has_value();
  if (idle) {
    const auto named = words_of(impl_->db.prepare("SELECT blobs FROM image"));
    for (const auto alg : kAlgorithms) {
      const auto dir = find_below(impl_->cas, cat("blobs/", alg));
      if (!dir) continue;
      for (const auto& shard_name : dir->names()) {
        if (!is_directory(*dir, shard_name)) continue;  // nobody's: `store check` says so
        const DirFd shard = dir->sub(shard_name);
        for (const auto& blob : shard.names()) {
          if (named.contains(blob)) continue;
          shard.remove_tree(blob);
          ++done.blobs;
        }
      }
    }
  }
  sweep_partial(partial(), locks(), now - partial_life, idle.has_value());
  sweep_locks(locks());
  return done;
}

void Store::discard_blob(const std::string& name) {
  impl_->need_write();
  unlink_blob(impl_->cas, name);
}

void Store::set_blob_aside(const std::string& name) {
  impl_->need_write();
  partial().remove_tree(aside_name(name));
  const auto shard = find_shard(impl_->cas, name);
  if (shard && shard->exists(name)) shard->rename(name, partial(), aside_name(name));
}

void Store::settle_blob(const std::string& name) {
  const std::string aside = aside_name(name);
  const auto shard = find_shard(impl_->cas, name);
  if (shard && ::renameat2(partial().get(), aside.c_str(), shard->get(), name.c_str(), RENAME_NOREPLACE) == 0) return;
  partial().remove_tree(aside);
}

}  // namespace rkt::store
