// SPDX-License-Identifier: Apache-2.0
// A whole archive file: format by its first bytes, decompression, tar entries, their content and names.
#include "sys/file.h"
#include "tests/fuzz/fuzz.h"
#include "worker/unpack/names.h"
#include "worker/unpack/tar.h"

void fuzz_one(std::string_view bytes) {
  using namespace rkt::unpack;
  rkt::fuzz::tolerate([&] {
    const auto file = rkt::memory_file("archive", bytes);
    ArchiveStream stream(file.get(), {.tar_algorithm = "sha512"});
    TarReader reader(stream);
    Entry entry;
    for (int n = 0; n < 1000 && reader.next(entry); ++n) {
      rkt::fuzz::tolerate([&] { clean_name(entry.name); });
      std::uint64_t read = 0;
      reader.data([&](std::span<const std::uint8_t> piece, std::uint64_t offset) {
        rkt::fuzz::require(!piece.empty() && offset >= read && offset + piece.size() <= entry.size);
        read = offset + piece.size();
      });
    }
    stream.drain();
  });
}
