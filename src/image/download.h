// SPDX-License-Identifier: Apache-2.0
// One download however many processes want the same thing, and resuming what a killed process left.
//
// A thing is named by its lock (url-HEX, ref-HEX, blob-ALG-HEX). Whoever gets the lock works; the others print one
// line, show the growth of the partial file, and look into the index again when they have the lock. Beside the partial
// file lies NAME.info with the validator of the answer that began it: the server sends the rest only if that still
// holds.
#pragma once

#include <optional>
#include <string>

#include "image/fetch_client.h"
#include "store/store.h"
#include "sys/lock.h"

namespace rkt::image {

/// The exclusive right to download one thing.
struct SourceLock {
  KeyLock lock;
  bool waited = false;  ///< somebody else had it: look into the index again
};
/// Waits for another process that has it, showing its progress with `show` (label and size of its partial file).
SourceLock take_source(const store::Store& store, const std::string& name, const std::string& label,
                       const OnProgress& show);

/// "url-" or "ref-" and 64 hex digits of the text's SHA-512.
std::string source_name(std::string_view kind, std::string_view text);

/// The partial file of a locked thing, opened or made.
class Partial {
 public:
  Partial(const store::Store& store, const std::string& source);
  int file() const noexcept { return file_.get(); }
  const std::string& name() const noexcept { return name_; }  ///< in cas/partial: for Store::commit_blob
  std::uint64_t resume_from() const noexcept { return resume_from_; }
  const std::string& validator() const noexcept { return validator_; }

  /// Notes what a later resume needs (before the first byte of that answer is written).
  void note(const GetHeaders& headers);
  /// The file turned out to be wrong or was moved into place: nothing of it stays.
  void discard() noexcept;
  /// After a failure, of something of `size` bytes (0: unknown): it goes unless there is something to resume. What is
  /// all there and yet was not taken has wrong bytes.
  void discard_unless_part_of(std::uint64_t size) noexcept;

 private:
  const DirFd* dir_;
  std::string name_, validator_;
  UniqueFd file_;
  std::uint64_t resume_from_ = 0;
};

/// GET of `url` into `partial`, resuming what it has.
GetReply download(FetchClient& client, Partial& partial, GetRequest request);

/// A small document (a signature) without a file: nullopt when the server deferred it (HTTP 202).
std::optional<std::string> download_text(FetchClient& client, const std::string& url, const std::string& label);

}  // namespace rkt::image
