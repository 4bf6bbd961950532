// SPDX-License-Identifier: Apache-2.0
// Writes the entries of an archive into a Staging tree, and counts them against the limits.
#pragma once

#include <cstdint>
#include <string>

#include "worker/unpack/protocol.h"
#include "worker/unpack/staging.h"
#include "worker/unpack/tar.h"

namespace rkt::unpack {

/// Entries and bytes so far. Throws Errc::invalid when a limit is passed.
class Meter {
 public:
  explicit Meter(const Limits& limits) : limits_(limits) {}
  void entry();
  void bytes(std::uint64_t n);
  std::uint64_t total_bytes() const noexcept { return bytes_; }
  std::uint64_t total_entries() const noexcept { return entries_; }

 private:
  Limits limits_;
  std::uint64_t bytes_ = 0, entries_ = 0;
};

class Writer {
 public:
  Writer(Staging& staging, Meter& meter) : staging_(staging), meter_(meter) {}
  /// Writes one entry at `path` (clean). Content comes from `tar`, which must stand on that entry. What is there
  /// already is removed first, never opened; only a directory over a directory keeps the content. Hard links go to
  /// link().
  void write(const std::string& path, const Entry& entry, TarReader& tar);
  /// A second name for `target` (clean). In a layer the target may lie in the layers below: then it is copied up first.
  void link(const std::string& path, const std::string& target);

 private:
  using Place = Staging::Place;
  void regular(const Place& at, const Entry& entry, TarReader& tar);
  void special(const Place& at, const Entry& entry);
  void copy_up(const Place& at, const struct stat& st);
  std::unique_ptr<NewFile> create(const Place& at, const Attributes& attributes);
  template <class Make>
  void make(const Place& at, Make&& make_it);

  Staging& staging_;
  Meter& meter_;
};

}  // namespace rkt::unpack
