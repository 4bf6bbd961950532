// SPDX-License-Identifier: Apache-2.0
// The rows of the index. A row that cannot be understood is skipped where another may serve, never a reason to fail.
#include <sys/stat.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "base/error.h"
#include "base/log.h"
#include "base/scope.h"
#include "base/strings.h"
#include "store/impl.h"

namespace rkt::store {
namespace {

constexpr std::string_view kColumns =
    "key, kind, name, version, manifest, blobs, chain, signed_by, imported, last_used, latest, size, tree_size";
constexpr std::size_t kPrefix = 7;  // "sha512-"
constexpr std::size_t kKeySize = 71;

TimePoint from_ns(std::int64_t ns) { return TimePoint(std::chrono::nanoseconds(ns)); }
std::int64_t to_ns(TimePoint t) { return t.time_since_epoch().count(); }

std::vector<std::string> words(const std::string& text) {
  std::vector<std::string> out;
  for (const auto w : split(text, ' '))
    if (!w.empty()) out.emplace_back(w);
  return out;
}

ImageRecord read_row(const Statement& s, const DirFd& cas) {
  ImageRecord r;
  r.key = s.text(0);
  const auto kind = s.integer(1);
  r.kind = kind == 1 ? ImageKind::docker : kind == 2 ? ImageKind::oci : ImageKind::aci;
  r.name = s.text(2);
  r.version = s.text(3);
  r.manifest = s.text(4);
  r.blobs = words(s.text(5));
  r.chain = words(s.text(6));
  r.signed_by = s.text(7);
  r.imported = from_ns(s.integer(8));
  r.last_used = from_ns(s.integer(9));
  r.latest = s.integer(10) != 0;
  r.size = static_cast<std::uint64_t>(s.integer(11));
  r.tree_size = static_cast<std::uint64_t>(s.integer(12));
  struct stat st{};
  if (!r.blobs.empty() && ::fstatat(cas.get(), blob_path(r.blobs.front()).c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0) {
    const TimePoint stamp(std::chrono::seconds(st.st_mtim.tv_sec) + std::chrono::nanoseconds(st.st_mtim.tv_nsec));
    r.last_used = std::max(r.last_used, stamp);
  }
  return r;
}

constexpr std::string_view kRemoteRows =
    "SELECT url, sig_url, etag, last_modified, key, max_age, downloaded FROM remote";

RemoteRecord read_remote(const Statement& s) {
  RemoteRecord r{s.text(0), s.text(1), s.text(2), s.text(3), s.text(4)};
  r.max_age = s.integer(5);
  r.downloaded = from_ns(s.integer(6));
  return r;
}

// nullopt for a row whose blob list is malformed: it is reported in debug output and otherwise not there.
std::optional<ImageRecord> try_read_row(const Statement& s, const DirFd& cas) {
  try {
    return read_row(s, cas);
  } catch (const Error& e) {
    log::debug("store", cat("skipping image ", quoted(s.text(0)), ": ", e.brief()));
    return std::nullopt;
  }
}

bool carries(ImageRecord& r, const std::map<std::string, std::string>& labels) {
  if (labels.empty()) return true;
  try {
    r.parsed = std::make_shared<const appc::ImageManifest>(appc::parse_image_manifest(r.manifest));
    return std::ranges::all_of(labels, [&](const auto& want) {
      const std::string* has = appc::find_label(r.parsed->labels, want.first);
      return has != nullptr && *has == want.second;
    });
  } catch (const Error& e) {
    log::debug("store", cat("skipping image ", quoted(r.key), ": ", e.brief()));
    return false;
  }
}

}  // namespace

appc::ImageManifest ImageRecord::read_manifest() const {
  return parsed ? *parsed : appc::parse_image_manifest(manifest);
}

std::vector<ImageRecord> Store::images() const {
  std::vector<std::string> unreadable;
  return images(unreadable);
}

std::vector<ImageRecord> Store::images(std::vector<std::string>& unreadable) const {
  Statement s = impl_->db.prepare(cat("SELECT ", kColumns, " FROM image"));
  std::vector<ImageRecord> out;
  while (s.step()) {
    if (auto r = try_read_row(s, impl_->cas))
      out.push_back(std::move(*r));
    else
      unreadable.push_back(s.text(0));
  }
  // Not by the query: its sorter carries whole rows, and writes them to a file when they are many.
  std::ranges::sort(out, {}, [](const auto& r) { return std::tie(r.imported, r.key); });
  return out;
}

std::set<std::string> Store::odd_manifests() const {
  Statement s = impl_->db.prepare(
      "SELECT key FROM image WHERE "
      "CASE WHEN json_valid(manifest) THEN json_extract(manifest, '$.name') IS NOT name "
      "OR json_extract(manifest, '$.acKind') IS NOT 'ImageManifest' ELSE 1 END");
  std::set<std::string> out;
  while (s.step()) out.insert(s.text(0));
  return out;
}

Statement& Store::Impl::row_of(const std::string& key) const {
  if (!by_key) by_key = db.prepare(cat("SELECT ", kColumns, " FROM image WHERE key=?1"));
  return by_key->bind(1, key);
}

std::optional<ImageRecord> Store::find(const std::string& key) const {
  Statement& s = impl_->row_of(key);
  const ScopeExit end([&] { s.reset(); });
  if (!s.step()) return std::nullopt;
  return read_row(s, impl_->cas);
}

bool Store::has(const std::string& key) const {
  Statement& s = impl_->row_of(key);
  const ScopeExit end([&] { s.reset(); });
  return s.step();
}

std::optional<ImageRecord> Store::find(const std::string& name,
                                       const std::map<std::string, std::string>& labels) const {
  // Only the keys: a statement that names every column takes longer to compile than most rows to be read.
  Statement keys = impl_->db.prepare("SELECT key FROM image WHERE name=?1");
  keys.bind(1, name);
  const bool any_version = !labels.contains("version");
  std::optional<ImageRecord> best;
  while (keys.step()) {
    Statement& s = impl_->row_of(keys.text(0));
    const ScopeExit end([&] { s.reset(); });
    auto r = s.step() ? try_read_row(s, impl_->cas) : std::nullopt;
    if (!r || !carries(*r, labels)) continue;
    const bool better = !best || (any_version && r->latest != best->latest ? r->latest : r->imported > best->imported);
    if (better) best = std::move(r);
  }
  return best;
}

std::string Store::resolve_id(const std::string& id) const {
  const auto parsed = appc::ImageId::parse(id);
  if (!parsed) throw Error(Errc::invalid, "badly formatted hash string");
  if (id.size() < kPrefix + 2) throw Error(Errc::invalid, "image ID too short");
  const std::string prefix = id.substr(0, kKeySize);
  Statement s = impl_->db.prepare("SELECT key FROM image WHERE key>=?1 AND substr(key,1,?2)=?1 LIMIT 2");
  s.bind(1, prefix).bind(2, static_cast<std::int64_t>(prefix.size()));
  if (!s.step()) throw Error(Errc::not_found, "no image IDs found");
  std::string key = s.text(0);
  if (s.step()) throw Error(Errc::invalid, cat("ambiguous image ID: ", quoted(id)));
  return key;
}

void Store::add(const ImageRecord& r) {
  impl_->need_write();
  if (r.key.size() != kKeySize) throw Error(Errc::bug, cat("image key ", quoted(r.key), " has the wrong length"));
  for (const auto& blob : r.blobs) check_blob_name(blob);
  Transaction t(impl_->db, Transaction::Durability::synced);
  impl_->db
      .prepare(cat("INSERT OR REPLACE INTO image(", kColumns, ") VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)"))
      .bind(1, r.key)
      .bind(2, static_cast<std::int64_t>(r.kind))
      .bind(3, r.name)
      .bind(4, r.version)
      .bind(5, r.manifest)
      .bind(6, join(r.blobs, " "))
      .bind(7, join(r.chain, " "))
      .bind(8, r.signed_by)
      .bind(9, to_ns(r.imported))
      .bind(10, to_ns(r.last_used))
      .bind(11, static_cast<std::int64_t>(r.latest))
      .bind(12, static_cast<std::int64_t>(r.size))
      .bind(13, static_cast<std::int64_t>(r.tree_size))
      .step();
  t.commit();
  impl_->db.checkpoint();
}

void Store::set_tree_size(const std::string& key, std::uint64_t bytes) {
  impl_->need_write();
  Transaction t(impl_->db, Transaction::Durability::later);
  impl_->db.prepare("UPDATE image SET tree_size=?2 WHERE key=?1")
      .bind(1, key)
      .bind(2, static_cast<std::int64_t>(bytes))
      .step();
  t.commit();
}

std::optional<RemoteRecord> Store::find_remote(const std::string& url) const {
  Statement s = impl_->db.prepare(cat(kRemoteRows, " WHERE url=?1"));
  if (!s.bind(1, url).step()) return std::nullopt;
  return read_remote(s);
}

std::optional<std::string> Store::find_remote_key(const std::string& url) const {
  Statement s = impl_->db.prepare("SELECT key FROM remote WHERE url=?1");
  if (!s.bind(1, url).step()) return std::nullopt;
  return s.text(0);
}

std::vector<RemoteRecord> Store::remotes() const {
  Statement s = impl_->db.prepare(cat(kRemoteRows, " ORDER BY url"));
  std::vector<RemoteRecord> out;
  while (s.step()) out.push_back(read_remote(s));
  return out;
}

std::vector<RemoteRecord> Store::remotes_of(const std::string& key) const {
  Statement s = impl_->db.prepare(cat(kRemoteRows, " WHERE key=?1 ORDER BY downloaded DESC"));
  s.bind(1, key);
  std::vector<RemoteRecord> out;
  while (s.step()) out.push_back(read_remote(s));
  return out;
}

void Store::remove_remote(const std::string& url) {
  impl_->need_write();
  Transaction t(impl_->db, Transaction::Durability::later);
  impl_->db.prepare("DELETE FROM remote WHERE url=?1").bind(1, url).step();
  t.commit();
}

void Store::add_remote(const RemoteRecord& r) {
  impl_->need_write();
  Transaction t(impl_->db, Transaction::Durability::later);  // losing it costs one more request
  impl_->db
      .prepare(
          "INSERT OR REPLACE INTO remote(url, sig_url, etag, last_modified, key, max_age, downloaded) "
          "VALUES(?1,?2,?3,?4,?5,?6,?7)")
      .bind(1, r.url)
      .bind(2, r.sig_url)
      .bind(3, r.etag)
      .bind(4, r.last_modified)
      .bind(5, r.key)
      .bind(6, r.max_age)
      .bind(7, to_ns(r.downloaded))
      .step();
  t.commit();
  impl_->db.checkpoint();
}

}  // namespace rkt::store
