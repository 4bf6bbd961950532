// SPDX-License-Identifier: Apache-2.0
// Decompressors behind one interface, and the choice among them by the first bytes of a file.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

namespace rkt::unpack {

enum class Compression { tar, gzip, bzip2, xz, zstd };
const char* compression_name(Compression c);

/// Looks at the first 512 bytes, as the reference. Throws its texts: "no type returned from DetectFileType?" for text,
/// "error: unknown image filetype" for the rest.
Compression sniff(std::span<const std::uint8_t> head);

/// One compressed stream, which may be several concatenated ones. Bytes that are neither are an error, except zero
/// padding behind gzip. Every failure is Errc::invalid.
class Decoder {
 public:
  struct Step {
    std::size_t used = 0, made = 0;
  };
  virtual ~Decoder() = default;
  /// Decodes some of `in` into `out`. `last`: no input follows. The spans are mutable because the C libraries' types
  /// are.
  virtual Step step(std::span<std::uint8_t> in, std::span<std::uint8_t> out, bool last) = 0;
  /// Called when the input is used up and step() makes nothing more. Throws when the stream is cut off.
  virtual void finish() = 0;
};

/// nullptr for Compression::tar: nothing to decode.
std::unique_ptr<Decoder> make_decoder(Compression c);

}  // namespace rkt::unpack
