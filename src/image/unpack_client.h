// SPDX-License-Identifier: Apache-2.0
// rkt's side of libexec/rkt/unpack: turns a compressed archive into a directory tree, in a process that sees only the
// directories it was given. Reading is one streaming pass: decompress, hash, write.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sys/dir.h"
#include "sys/fd.h"
#include "worker/unpack/protocol.h"

namespace rkt::image {

/// Bounds that keep a hostile archive from filling the disk; generous for real images.
struct UnpackLimits {
  std::uint64_t bytes = std::uint64_t{1} << 40;  ///< sum of file sizes
  std::uint64_t entries = 10'000'000;
  /// Uncompressed / compressed after the first GiB (bomb). Below what gzip can reach at best, about 1,030.
  std::uint64_t ratio = 250;
};

/// ACI, first look: decompress and hash the whole file, return the manifest. Nothing is written.
struct AciScan {
  std::string digest;    ///< hex SHA-512 of the uncompressed tar: the image ID without its prefix
  std::string manifest;  ///< bytes of the entry "manifest"
  std::uint64_t tar_size = 0;
  std::string compression;  ///< tar, gzip, bzip2, xz, zstd
};
AciScan scan_aci(int file);

/// Hex digest of a file as it is, in the algorithm of `expected` ("sha256:…").
std::string digest_of(int file, const std::string& expected);

/// ACI, rendering: writes the selected entries below `rootfs/` into `root`. Selection as the reference (images §7.8).
struct AciLayer {
  int file = -1;                             ///< borrowed
  std::string digest;                        ///< expected hex SHA-512 of the tar; another one is an error
  std::vector<std::string> whitelist;        ///< the image's own pathWhitelist
  std::vector<std::string> upper_whitelist;  ///< the one an upper image imposes
};
/// Where a tree goes: into an empty directory, or as one EROFS file into `image`. Both of its files are empty and
/// borrowed; `scratch` is of no use afterwards.
struct TreeTarget {
  const DirFd* directory = nullptr;
  int image = -1, scratch = -1;
  std::string uuid;  ///< 32 hex digits
};
struct UnpackStats {
  std::uint64_t bytes = 0, entries = 0;
  std::string tree_digest;      ///< as a file: fs-verity's digest, "sha256:…"
  std::uint64_t tree_size = 0;  ///< and its size
};
/// One Docker/OCI layer -> one overlayfs lower: whiteouts become character devices 0:0, opaque directories
/// trusted.overlay.opaque=y. Nothing is synced. A wrong digest is Errc::untrusted, every other fault Errc::invalid.
struct OciLayer {
  int file = -1;  ///< borrowed; positioned anywhere
  std::string media_type;
  std::string digest;   ///< of the file, "sha256:…"; looked at without diff_id, or when something is wrong
  std::string diff_id;  ///< of the uncompressed tar; checked in the same pass unless ""
  unpack::LayersBelow below = unpack::LayersBelow::none;  ///< targets of hard links, attributes of omitted parents
};

class UnpackWorker;

/// A worker that makes one tree, beside whatever its owner does. Dropped: it is killed. Then, and when serve() throws,
/// the target holds garbage that the owner removes. Errc::unsupported for what an EROFS file cannot hold; Errc::busy
/// for a layer with LayersBelow::later that has to be unpacked again when the layers below are ready.
class Unpacking {
 public:
  /// `layers`: top image first, as the reference renders.
  Unpacking(const std::vector<AciLayer>& layers, const TreeTarget& target, const UnpackLimits& limits);
  Unpacking(const OciLayer& layer, const TreeTarget& target, const UnpackLimits& limits);
  ~Unpacking();
  Unpacking(Unpacking&&) = delete;

  int fd() const noexcept;  ///< can be read: serve() will not wait
  enum class Event { none, needs_below, done };
  /// Waits for one message of the worker, and does what it asks for.
  Event serve();
  /// The answer to needs_below: a read-only mount of the trees below, borrowed, that is attached nowhere.
  void give_below(int merged);
  const UnpackStats& stats() const noexcept { return stats_; }  ///< once it is done

 private:
  std::unique_ptr<UnpackWorker> worker_;
  UnpackStats stats_;
};

/// An OCI layout as one (possibly compressed) tar file -> a layout directory: index.json, oci-layout and blobs/ only.
void unpack_layout_archive(int file, const DirFd& to, const UnpackLimits& limits);

/// The plain tar of a stored ACI (`image export`), written to `out`. Returns the hex SHA-512 of what was written.
std::string decompress_to(int file, int out);

/// A tree as an ACI, gzip (`export`): `trees` merged, top first, with overlayfs' own marks applied. Owners in `users`
/// are written as seen inside of that user namespace. `note` takes lines about what was left out.
struct PackedTree {
  std::vector<const DirFd*> trees;
  std::string manifest;
  std::uint32_t first_user = 0, users = 0;
};
void pack_aci(const PackedTree& tree, int out, const std::function<void(std::string_view)>& note);

/// The whole ACI as stored, manifest and rootfs, into `to` (`image extract`).
void extract_aci(int file, const DirFd& to, const UnpackLimits& limits);

}  // namespace rkt::image
