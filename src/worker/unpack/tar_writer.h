// SPDX-License-Identifier: Apache-2.0
// Entries of a tar stream, written: ustar headers, with a pax header in front where a value does not fit or has no
// place (long names, large numbers, extended attributes, holes in the form "GNU sparse 1.0"). The counterpart of
// TarReader, on the same Entry. Names are bytes.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "worker/unpack/tar.h"

namespace rkt::unpack {

class TarWriter {
 public:
  using Sink = std::function<void(std::span<const std::uint8_t>)>;
  explicit TarWriter(Sink sink) : sink_(std::move(sink)) {}

  /// An entry. `extents` (regular files only): where its data is, ascending and within its size; what is between is a
  /// hole. Nothing but one extent over the whole size: no sparse file.
  void entry(const Entry& entry, const std::vector<Extent>& extents);
  void data(std::span<const std::uint8_t> bytes);  ///< of the last entry: its extents' bytes, in order
  void finish();                                   ///< the end of the archive

 private:
  void header(char type, const Entry& entry, std::string_view name, std::uint64_t size);
  void pad();
  Sink sink_;
  std::uint64_t written_ = 0;  // of the current entry
};

}  // namespace rkt::unpack
