// SPDX-License-Identifier: Apache-2.0
// The content-addressed store below DATA/cas: blobs, the SQLite index, locks and scratch space
// (docs/devel/on-disk-format.md). Any number of processes use it at once; a kill at any instruction leaves a store that
// the next command uses without repair.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "schema/appc/image_manifest.h"
#include "schema/appc/types.h"
#include "sys/dir.h"
#include "sys/lock.h"

namespace rkt::store {

using TimePoint = std::chrono::sys_time<std::chrono::nanoseconds>;

enum class ImageKind : std::uint8_t { aci, docker, oci };

/// One row of the index. Everything but the times and `latest` can be computed again from the blobs.
struct ImageRecord {
  std::string key;  ///< store key: ImageId::key()
  ImageKind kind = ImageKind::aci;
  std::string name, version;       ///< from the manifest
  std::string manifest;            ///< appc manifest JSON (of a Docker/OCI image: the mapped one)
  std::vector<std::string> blobs;  ///< ACI: one. Docker/OCI: manifest, config, layers base first. As "alg-hex" names
  std::vector<std::string> chain;  ///< Docker/OCI: ChainIDs, base first
  std::string signed_by;           ///< keys that verified it, separated by blanks; "": stored with verification off
  TimePoint imported{}, last_used{};
  bool latest = false;
  std::uint64_t size = 0, tree_size = 0;
  std::shared_ptr<const appc::ImageManifest> parsed = nullptr;  ///< `manifest`, when finding the row took reading it

  appc::ImageManifest read_manifest() const;  ///< throws Errc::invalid
};

/// HTTP cache state for one URL or typed docker reference.
struct RemoteRecord {
  std::string url, sig_url, etag, last_modified, key;
  std::int64_t max_age = 0;
  TimePoint downloaded{};
};

class Store {
 public:
  /// Opens (and on first use makes) the store; takes the store lock shared for the life of the object. `data`: DATA.
  /// Readers that may not write (group rkt) get a read-only view; write calls then throw Errc::denied.
  static Store open(const std::string& data);
  Store(Store&&) noexcept;
  ~Store();

  // Index.
  std::vector<ImageRecord> images() const;  ///< by import time, ascending
  std::optional<ImageRecord> find(const std::string& key) const;
  bool has(const std::string& key) const;  ///< whether the index has it
  /// The same; keys of rows that cannot be understood go to `unreadable`, and are skipped without it.
  std::vector<ImageRecord> images(std::vector<std::string>& unreadable) const;
  /// Keys of rows whose manifest does not look like one of that name: to be parsed before it is believed. All others
  /// were written by add(), and are not parsed to be listed.
  std::set<std::string> odd_manifests() const;
  /// By name and labels: every requested label must match; `latest` rows beat others when no version was asked for,
  /// then the newest import (images §7.6).
  std::optional<ImageRecord> find(const std::string& name, const std::map<std::string, std::string>& labels) const;
  /// An ID or a prefix of one -> key. Throws "image ID too short", "no image IDs found", "ambiguous image ID: …".
  std::string resolve_id(const std::string& id) const;
  void add(const ImageRecord& record);  ///< insert or replace
  void remove(const std::string& key);  ///< rows of image and remotes, then unshared blobs
  /// last_used, as the time stamp of the first blob: one system call, no database page. Never fails a read-only caller.
  void touch(const ImageRecord& record, TimePoint now) const noexcept;
  void set_tree_size(const std::string& key, std::uint64_t bytes);
  std::optional<RemoteRecord> find_remote(const std::string& url) const;
  std::optional<std::string> find_remote_key(const std::string& url) const;  ///< of it only which image it is
  void add_remote(const RemoteRecord& record);
  std::vector<RemoteRecord> remotes() const;                           ///< all
  std::vector<RemoteRecord> remotes_of(const std::string& key) const;  ///< where an image came from
  void remove_remote(const std::string& url);

  // Blobs. Names are "sha512-HEX" (ACI, by the digest of the tar) or "sha256-HEX" (by the digest of the file itself).
  /// Read-only. Throws Errc::invalid when something else than a file is in its place.
  std::optional<UniqueFd> find_blob(const std::string& name) const;
  UniqueFd open_blob(const std::string& name) const;  ///< throws
  /// Moves a complete staging file into place: fsync, rename, fsync directory. Replacing the same name is harmless.
  void commit_blob(const std::string& staging_name, const std::string& name);
  /// Removes a blob that does not hold what its name says, whoever names it. Only for such: others are collected.
  void discard_blob(const std::string& name);
  /// The same for a while: it is kept in partial() until settle_blob(), which puts it back where nothing has come in
  /// its place. While blobs are held (hold_blobs()).
  void set_blob_aside(const std::string& name);
  void settle_blob(const std::string& name);

  // Scratch: DATA/cas/partial. A download's partial file is named by what is downloaded and guarded by a key lock, so
  // that one process works and the others wait.
  const DirFd& partial() const;
  const DirFd& locks() const;
  const DirFd& trees() const;  ///< made 0700 when missing (needs write access)
  const DirFd& cas() const noexcept;
  const std::string& path() const noexcept;  ///< DATA/cas
  std::string data_path() const;             ///< DATA
  bool writable() const noexcept;

  /// Blobs stay while this is held: from the first look for one until the row that names it is written
  /// (docs/devel/locking.md).
  KeyLock hold_blobs() const;
  /// The image's row, and so its blobs, stay while this object lives, unless it is removed by name. Whoever had found
  /// the row looks again: it may have gone until now. Nothing where the store is read-only.
  void hold_image(const std::string& key) const;
  /// remove(), unless somebody holds the image or it was stored or used after `since`. False: it stays.
  bool remove_idle(const std::string& key, TimePoint since);
  /// How long a download that nobody continues is kept.
  static constexpr std::chrono::nanoseconds kPartialLife = std::chrono::hours(72);
  /// Removes blobs that no row names, partial files older than `partial_life` that nobody holds, and lock files that
  /// nobody holds.
  struct Sweep {
    std::size_t blobs = 0;
    bool complete = true;  ///< false: a fetch is running, so blobs stay until the next time
  };
  Sweep sweep(TimePoint now, std::chrono::nanoseconds partial_life = kPartialLife);

  // Looking for damage (`rkt store check`).
  /// What lies below cas/blobs: names of blobs, and paths below cas that are no place of a blob.
  struct Survey {
    std::vector<std::string> blobs, strays;
  };
  Survey survey() const;
  void remove_stray(const std::string& path);  ///< as survey() gave it
  /// SQLite's own check of the index: a line a fault.
  std::vector<std::string> index_faults() const;

 private:
  struct Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// DATA/locks/prepareLock: shared while a pod's files are made, exclusive while trees are collected.
KeyLock prepare_lock(const std::string& data, LockMode mode);
/// Shared, without waiting: nullopt while trees are collected.
std::optional<KeyLock> try_prepare_lock(const std::string& data);

/// "sha512-…" or "sha256-…" with the right number of lower-case hex digits. Throws Errc::invalid otherwise.
void check_blob_name(const std::string& name);

}  // namespace rkt::store
