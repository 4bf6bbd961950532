// SPDX-License-Identifier: Apache-2.0
// Every decompressor, twice: the whole input at once, and piece by piece into a small room. Both must say the same.
#include "worker/unpack/decoder.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz.h"

namespace {

using rkt::unpack::Compression;

constexpr std::size_t kMost = std::size_t{4} << 20;

// nullopt: refused, or more than kMost.
std::optional<std::string> decode(Compression compression, std::string_view bytes, std::size_t piece,
                                  std::size_t room) {
  std::vector<std::uint8_t> in(bytes.begin(), bytes.end()), out(room);
  std::string result;
  try {
    const auto decoder = rkt::unpack::make_decoder(compression);
    for (std::size_t at = 0; result.size() <= kMost;) {
      const auto some = std::span(in).subspan(at, std::min(piece, in.size() - at));
      const auto step = decoder->step(some, out, some.empty());
      rkt::fuzz::require(step.used <= some.size() && step.made <= out.size());
      at += step.used;
      result.append(reinterpret_cast<const char*>(out.data()), step.made);
      if (step.made > 0 || step.used > 0) continue;
      if (!some.empty()) return std::nullopt;
      decoder->finish();
      return result;
    }
  } catch (const rkt::Error&) {
    return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

void fuzz_one(std::string_view bytes) {
  rkt::fuzz::tolerate([&] {
    const auto head = bytes.substr(0, 512);
    const auto compression = rkt::unpack::sniff({reinterpret_cast<const std::uint8_t*>(head.data()), head.size()});
    if (compression == Compression::tar) return;
    const auto whole = decode(compression, bytes, bytes.size(), std::size_t{64} << 10);
    if (whole && whole->size() < (std::size_t{64} << 10))
      rkt::fuzz::require(decode(compression, bytes, 7, 61) == whole);
  });
}
