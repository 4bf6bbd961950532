// SPDX-License-Identifier: Apache-2.0
#include "worker/unpack/decoder.h"

#include <gtest/gtest.h>

#include <numeric>

#include "worker/unpack/archive_for_test.h"

namespace rkt::unpack {
namespace {

Compression sniff_text(std::string_view s) {
  return sniff({reinterpret_cast<const std::uint8_t*>(s.data()), s.size()});
}

TEST(Sniff, KnowsTheFormatsByTheirFirstBytes) {
  EXPECT_EQ(sniff_text("\x1f\x8b\x08"), Compression::gzip);
  EXPECT_EQ(sniff_text("BZh91AY"), Compression::bzip2);
  EXPECT_EQ(sniff_text(std::string_view("\xfd"
                                        "7zXZ\0",
                                        6)),
            Compression::xz);
  EXPECT_EQ(sniff_text("\x28\xb5\x2f\xfd"), Compression::zstd);
  EXPECT_EQ(sniff_text("\x52\x2a\x4d\x18"), Compression::zstd) << "a skippable frame comes first";
  EXPECT_EQ(sniff_text(test::tar_of({test::file("a", "")}).substr(0, 512)), Compression::tar);
  EXPECT_EQ(sniff_text(std::string(512, '\0')), Compression::tar) << "an archive of no entries";
}

TEST(Sniff, RefusesTheRestWithTheReferencesTexts) {
  EXPECT_EQ(test::error_of([] { sniff_text("{\"not\": \"an archive\"}"); }), "no type returned from DetectFileType?");
  EXPECT_EQ(test::error_of([] { sniff_text(std::string_view("PK\3\4\0\0", 6)); }), "error: unknown image filetype");
  EXPECT_EQ(test::error_of([] { sniff_text(""); }), "no type returned from DetectFileType?");
}

class AnySplit : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(All, AnySplit, testing::Values("gzip", "bzip2", "xz", "zstd"));

// Headers, blocks and trailers may be cut anywhere by the size of a read.
TEST_P(AnySplit, DecodesTheSameWhateverPiecesTheInputComesIn) {
  std::string content(20'000, '\0');
  std::iota(content.begin(), content.end(), '\1');
  const std::string tar = test::tar_of({test::file("a", content)});
  const std::string once = test::tar_of({test::file("a", content)}, GetParam());
  const std::string packed = once + once;
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, packed.size()}) {
    std::vector<std::uint8_t> in(packed.begin(), packed.end());
    std::string out;
    const auto decoder = make_decoder(sniff_text(packed));
    std::size_t at = 0;
    std::vector<std::uint8_t> room(piece == 1 ? 13 : 4096);
    for (;;) {
      const auto span = std::span(in).subspan(at, std::min(piece, in.size() - at));
      const auto step = decoder->step(span, room, span.empty());
      at += step.used;
      out.append(reinterpret_cast<const char*>(room.data()), step.made);
      if (span.empty() && step.made == 0) break;
    }
    decoder->finish();
    EXPECT_EQ(out, tar + tar) << GetParam() << " in pieces of " << piece;
  }
}

}  // namespace
}  // namespace rkt::unpack
