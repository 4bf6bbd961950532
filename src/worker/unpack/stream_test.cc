// SPDX-License-Identifier: Apache-2.0
#include "worker/unpack/stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sys/digest.h"
#include "worker/unpack/archive_for_test.h"

namespace rkt::unpack {
namespace {

using test::error_of;
using test::file_of;
using testing::HasSubstr;

std::string read_through(ArchiveStream& s) {
  std::string out;
  for (auto b = s.next(); !b.empty(); b = s.next()) out.append(reinterpret_cast<const char*>(b.data()), b.size());
  return out;
}

// Content that fills several blocks and does not repeat.
std::string noise(std::size_t size) {
  std::string out;
  std::uint32_t x = 1;
  while (out.size() < size) out.push_back(static_cast<char>((x = x * 1664525 + 1013904223) >> 24));
  return out;
}

class EveryCompression : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(All, EveryCompression, testing::Values(nullptr, "gzip", "bzip2", "xz", "zstd"));

TEST_P(EveryCompression, GivesTheTarAndItsDigest) {
  const std::vector<test::Member> members = {test::file("a", noise(1'500'000)), test::file("b", "x")};
  const std::string tar = test::tar_of(members), packed = test::tar_of(members, GetParam());
  const UniqueFd fd = file_of(packed);
  ArchiveStream stream(fd.get(), {.tar_algorithm = "sha512"});
  EXPECT_EQ(read_through(stream), tar);
  EXPECT_EQ(stream.tar_digest(), sha512_hex(tar));
  EXPECT_STREQ(compression_name(stream.compression()), GetParam() == nullptr ? "tar" : GetParam());
}

class EveryCodec : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(All, EveryCodec, testing::Values("gzip", "bzip2", "xz", "zstd"));

TEST_P(EveryCodec, RefusesAFileThatIsCutOff) {
  std::string packed = test::tar_of({test::file("a", noise(300'000))}, GetParam());
  packed.resize(packed.size() - 5);
  const UniqueFd fd = file_of(packed);
  ArchiveStream stream(fd.get(), {});
  EXPECT_THAT(error_of([&] { read_through(stream); }), HasSubstr("ends too early"));
}

TEST_P(EveryCodec, RefusesDamageInTheMiddle) {
  std::string packed = test::tar_of({test::file("a", noise(300'000))}, GetParam());
  for (std::size_t i = 0; i < 32; ++i)
    packed[packed.size() / 2 + i] = static_cast<char>(~packed[packed.size() / 2 + i]);
  const UniqueFd fd = file_of(packed);
  ArchiveStream stream(fd.get(), {});
  // The tool that wrote zstd here adds no checksum: there the damage may only show as other bytes.
  const bool maybe_silent = std::string_view(GetParam()) == "zstd";
  const std::string error = error_of([&] { read_through(stream); });
  EXPECT_TRUE(maybe_silent || error.find("corrupt") != std::string::npos) << error;
}

TEST_P(EveryCodec, ReadsConcatenatedStreams) {
  const std::string first = test::tar_of({test::file("a", noise(70'000))}, GetParam());
  const std::string second = test::tar_of({test::file("b", "x")}, GetParam());
  const UniqueFd fd = file_of(first + second);
  ArchiveStream stream(fd.get(), {});
  EXPECT_EQ(read_through(stream),
            test::tar_of({test::file("a", noise(70'000))}) + test::tar_of({test::file("b", "x")}));
}

TEST_P(EveryCodec, RefusesForeignBytesBehindTheEnd) {
  const UniqueFd fd = file_of(test::tar_of({test::file("a", "x")}, GetParam()) + "garbage behind the end");
  ArchiveStream stream(fd.get(), {});
  EXPECT_THAT(error_of([&] { read_through(stream); }), HasSubstr("corrupt"));
}

TEST(ArchiveStream, AcceptsZeroPaddingBehindGzip) {
  const UniqueFd fd = file_of(test::tar_of({test::file("a", "x")}, "gzip") + std::string(3000, '\0'));
  ArchiveStream stream(fd.get(), {});
  EXPECT_EQ(read_through(stream), test::tar_of({test::file("a", "x")}));
}

TEST(ArchiveStream, StopsADecompressionBomb) {
  const std::string zeros(std::size_t{300} << 20, '\0');
  std::string packed(std::size_t{1} << 20, '\0');
  std::size_t used = 0;
  archive* a = archive_write_new();
  archive_write_set_format_raw(a);
  archive_write_add_filter_zstd(a);
  archive_write_open_memory(a, packed.data(), packed.size(), &used);
  archive_entry* e = archive_entry_new();
  archive_entry_set_mode(e, AE_IFREG);
  archive_write_header(a, e);
  archive_write_data(a, zeros.data(), zeros.size());
  archive_entry_free(e);
  archive_write_free(a);
  packed.resize(used);
  const UniqueFd fd = file_of(packed);
  ArchiveStream stream(fd.get(), {.limits = {.ratio_free = std::uint64_t{256} << 20}});
  EXPECT_THAT(error_of([&] { stream.drain(); }), HasSubstr("decompression bomb"));
  ArchiveStream ordinary(fd.get(), {});  // 300 MiB of zeros are a file as any other
  ordinary.drain();
  EXPECT_EQ(ordinary.tar_size(), zeros.size());
}

TEST(ArchiveStream, SaysWhenDataWouldNeedTooMuchMemory) {
  // A frame with a window of 256 MiB, and one empty last block.
  const UniqueFd fd = file_of(std::string("\x28\xb5\x2f\xfd\x00\x90\x01\x00\x00", 9));
  ArchiveStream stream(fd.get(), {});
  EXPECT_THAT(error_of([&] { read_through(stream); }), HasSubstr("zstd data needs too much memory"));
}

TEST(ArchiveStream, CanBeDroppedBeforeItsEnd) {
  const UniqueFd fd = file_of(test::tar_of({test::file("a", noise(3'900'000))}));
  ArchiveStream stream(fd.get(), {});
  EXPECT_FALSE(stream.next().empty());
}

}  // namespace
}  // namespace rkt::unpack
