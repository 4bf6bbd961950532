// SPDX-License-Identifier: Apache-2.0
// What rkt (src/image/fetch_client) and libexec/rkt/fetch have agreed on: JSON messages on the channel at descriptor 3.
// One process serves many requests, one after the other, and ends when the channel closes.
//
// rkt begins with
//   {"op":"options","ca":B}
//       descriptors: the options as JSON, and with "ca" the trusted certificates (PEM)
// and then asks
//   {"op":"access","host":T,"user":T,"password":T,"identity_token":T,"insecure":B,"ca":B,"client":B}
//       what holds for a registry at host[:port] from now on; "insecure": certificates are not checked, and http will
//       do
//       descriptors: with "ca" more certificates to trust there, with "client" the own certificate and its key (PEM)
//   {"op":"get","url":U,"resume_from":N,"validator":T,"if_none_match":T,
//    "if_modified_since":T,"max_size":N}
//       descriptor: the file
//   {"op":"discover","name":T,"labels":{…}}
//   {"op":"keys","name":T}
//   {"op":"resolve","host":T,"repository":T,"reference":T,"os":T,"arch":T,"variant":T}
//       descriptors: config, then kMaxDepth + 1 for the documents from the first one to the manifest
//   {"op":"document","base_url":T,"host":T,"repository":T,"path":T}    "/manifests/…", "/blobs/…", "/referrers/…"
//       descriptor: the document
//   {"op":"reach","host":T,"repository":T}
//   {"op":"push_blob","base_url":T,"host":T,"repository":T,"digest":T,"from":T,"size":N}
//       descriptor: the blob
//   {"op":"push_manifest","base_url":T,"host":T,"repository":T,"reference":T,"type":T}
//       descriptor: the manifest
//   {"op":"blobs","blobs":[{"base_url":T,"host":T,"repository":T,"digest":T,"urls":[U,…],"size":N,"resume_from":N}, …]}
//       descriptors: a file for each; a size of 0 is an unknown one, up to kMaxUnsizedBlob
// While it works, the worker may say, any number of times:
//   {"event":"progress","index":I,"done":N,"total":N}
//   {"event":"done","index":I}                                 a blob is complete
//   {"event":"headers","etag":T,"last_modified":T,"size":N}    of a get; goes on after rkt's {"op":"go"}
//   {"event":"debug","text":T}
// and ends with one of
//   {"event":"end", …the result}
//       get:       "outcome":"complete|not_modified|deferred","etag":T,"last_modified":T,"max_age":N,"size":N,
//                  "resumed":B,"over_tls":B
//       discover:  "aci":U,"asc":U
//       keys:      "urls":[U,…]
//       resolve:   "base_url":U,"types":[T,…]
//       document:  "found":B,"type":T,"next":T    next: the path of the next page of referrers, or ""
//       reach:     "base_url":U
//       push_blob: "sent":B
//   {"event":"error","kind":K,"text":T,"errno":N}                        K: name of an Errc, see kind_of()
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"

namespace rkt::fetch {

// Bounds that both sides hold.
inline constexpr std::size_t kMaxDocument = std::size_t{4} << 20;  ///< manifests, indexes, configurations
inline constexpr std::size_t kMaxOptions = std::size_t{4} << 20;
inline constexpr std::size_t kMaxCertificates = std::size_t{16} << 20;
inline constexpr std::size_t kMaxField = 4096;  ///< a URL or a header field in a message
inline constexpr std::size_t kMaxKeys = 32;     ///< key locations of one discovery
inline constexpr std::size_t kMaxBlobs = 25;    ///< blobs of one request, so that it fits a message
inline constexpr std::size_t kMaxBlobUrls = 2,
                             kMaxBlobUrl = 512;  ///< further places of one blob, and the length of each
inline constexpr std::uint64_t kMaxUnsizedBlob = std::uint64_t{16} << 30;
inline constexpr int kMaxDepth = 2;  ///< indexes above a manifest
inline constexpr std::chrono::milliseconds kProgressEvery{100};

/// The name of a failure's code on the channel; what has none of its own is "system".
std::string_view kind_of(Errc code) noexcept;
Errc parse_kind(std::string_view kind) noexcept;

}  // namespace rkt::fetch
