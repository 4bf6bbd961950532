// SPDX-License-Identifier: Apache-2.0
// A layer made into an EROFS file: whatever the archive holds, the file is sound to a strict reader, or there is none.
#include <unistd.h>

#include "sys/file.h"
#include "tests/fuzz/fuzz.h"
#include "worker/unpack/erofs_reader_for_test.h"
#include "worker/unpack/erofs_tree.h"
#include "worker/unpack/oci.h"

void fuzz_one(std::string_view bytes) {
  using namespace rkt::unpack;
  rkt::fuzz::tolerate([&] {
    const auto file = rkt::memory_file("archive", bytes), image = rkt::memory_file("image", ""),
               scratch = rkt::memory_file("scratch", "");
    ErofsTree tree(image.get(), scratch.get(), {});
    Staging staging(tree, Staging::Kind::layer, Below());
    // Holes are cheap for an archive and dear for the reader, which has them as zeros.
    unpack_layer(file.get(), {}, {.bytes = std::uint64_t{1} << 20, .entries = 1000, .ratio = 1100}, staging);
    rkt::fuzz::require(::lseek(image.get(), 0, SEEK_SET) == 0);
    const std::string whole = rkt::read_all(image.get(), "image", std::size_t{1} << 28);
    rkt::fuzz::require(whole.size() == tree.bytes());
    test::ErofsReader reader(whole);  // what it throws is a finding
  });
}
