// SPDX-License-Identifier: Apache-2.0
// What rkt (src/image/unpack_client) and libexec/rkt/unpack say to each other. One request a process:
//
//   rkt    -> worker  "request" + descriptors: a memory file with the request, the archive files in order, then as the
//                     operation needs the targets (a directory, the output file, or for a tree as one file that file
//                     and an empty one as scratch space); pack_aci: the trees, top first
//   worker -> rkt     "below"   a layer needs what lies below it; at most once
//   rkt    -> worker  "below"   + one descriptor, the trees below, merged and read-only: once they are complete
//   worker -> rkt     "opaque"  + one directory descriptor: mark it opaque for overlayfs. Any number of these; the
//                     worker has not the privilege, and rkt sets nothing but this one attribute on what it is handed
//   worker -> rkt     a reply (JSON) + for a scan a memory file with the manifest; or an error (JSON). The end.
//
// The request travels in a file since whitelists of real images do not fit a packet.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace rkt::unpack {

inline constexpr std::string_view kRequestMessage = "request";
inline constexpr std::string_view kOpaqueMessage = "opaque";
inline constexpr std::string_view kBelowMessage = "below";
inline constexpr std::string_view kNotePrefix = "note ";
inline constexpr std::size_t kMaxManifest = std::size_t{4} << 20;

enum class Operation { scan_aci, unpack_acis, unpack_layer, unpack_layout, decompress, extract_aci, digest, pack_aci };

/// What becomes of a tree: a directory with its files, or one EROFS file.
enum class Form { directory, erofs };

/// What lies below a layer. later: other layers are still being unpacked, so that an answer to "below" takes its time.
/// The worker asks as late as it can and guesses until then; Errc::busy: it guessed wrong.
enum class LayersBelow { none, ready, later };

/// Owners of a pod's user namespace on the host: `count` of them from `first` on are 0, 1, … inside. None: count 0.
struct Shift {
  std::uint32_t first = 0, count = 0;
};

/// ratio: decompressed / compressed, once more than `ratio_free` bytes have come out: a file of zeros is packed a
/// thousand times smaller and means no harm, up to a size that fills no disk.
struct Limits {
  std::uint64_t bytes = std::uint64_t{1} << 40, entries = 10'000'000, ratio = 250, ratio_free = std::uint64_t{1} << 30;
};

struct Request {
  Operation operation = Operation::scan_aci;
  Form form = Form::directory;            ///< of unpack_acis and unpack_layer
  std::string uuid;                       ///< erofs: of the file system, 32 hex digits
  LayersBelow below = LayersBelow::none;  ///< unpack_layer
  Limits limits;
  Shift shift;  ///< pack_aci
  /// One an archive file. digest: expected, hex SHA-512 of the tar for ACIs, "sha256:…" of the file for layers and for
  /// `digest` (which answers with what it is, not with an error); "" unchecked.
  struct Archive {
    std::string digest, diff_id;
    std::vector<std::string> whitelist, upper_whitelist;
  };
  std::vector<Archive> archives;
};

/// Which descriptors a request carries behind its files.
enum class Target { none, file, directory, tree_file };
Target target_of(const Request& request);

struct Reply {
  std::string digest, compression;
  std::uint64_t tar_size = 0, bytes = 0, entries = 0;
  std::string tree_digest;      ///< erofs: fs-verity's digest of the file, "sha256:…"
  std::uint64_t tree_size = 0;  ///< and its size
};

std::string encode(const Request& request);
Request parse_request(std::string_view text);  ///< throws Errc::invalid
std::string encode(const Reply& reply);
std::string encode(const Error& error);    ///< the text made printable: names in archives are any bytes
Reply parse_reply(std::string_view text);  ///< throws the error that the worker reported, or Errc::invalid

}  // namespace rkt::unpack
