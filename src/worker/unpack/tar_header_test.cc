// SPDX-License-Identifier: Apache-2.0
#include "worker/unpack/tar_header.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "worker/unpack/archive_for_test.h"

namespace rkt::unpack {
namespace {

using test::error_of;
using testing::HasSubstr;

std::string record(const std::string& key, const std::string& value) {
  const std::string rest = " " + key + "=" + value + "\n";
  std::size_t length = rest.size() + 1;
  while (std::to_string(length).size() + rest.size() != length) ++length;
  return std::to_string(length) + rest;
}

TEST(PaxHeader, ReadsTheKnownKeywords) {
  const PaxHeader h =
      parse_pax(record("path", "p") + record("linkpath", "l") + record("size", "9") + record("uid", "7") +
                record("SCHILY.xattr.user.x", std::string("a\nb\0c", 5)) + record("unknown", "x"));
  EXPECT_EQ(h.path, "p");
  EXPECT_EQ(h.link_path, "l");
  EXPECT_EQ(h.size, 9U);
  EXPECT_EQ(h.uid, 7);
  ASSERT_EQ(h.xattrs.size(), 1U);
  EXPECT_EQ(h.xattrs[0].second, std::string("a\nb\0c", 5));
}

TEST(PaxHeader, AnEmptyValueTakesTheRecordBack) { EXPECT_FALSE(parse_pax(record("path", "")).path); }

TEST(PaxHeader, DecodesLibarchivesAttributes) {
  const PaxHeader h = parse_pax(record("LIBARCHIVE.xattr.user.a%20b", "aGVsbG8"));
  EXPECT_EQ(h.xattrs, (std::vector<std::pair<std::string, std::string>>{{"user.a b", "hello"}}));
}

TEST(PaxHeader, RefusesMalformedRecords) {
  for (const char* text :
       {"x", "5 a=b", "99 a=b\n", "6 ab\n\n", "6 =ab\n", "-1 a=b\n", "1 a=b\n", "0 a=b\n", "6 a=b\nx"})
    EXPECT_THAT(error_of([&] { parse_pax(text); }), HasSubstr("pax header is malformed")) << text;
  EXPECT_THAT(error_of([] { parse_pax(record("path", std::string("a\0b", 3))); }), HasSubstr("zero byte"));
  EXPECT_THAT(error_of([] { parse_pax(record("size", "-1")); }), HasSubstr("malformed"));
  EXPECT_THAT(error_of([] { parse_pax(record("size", "18446744073709551615")); }), HasSubstr("too large"));
  EXPECT_THAT(error_of([] { parse_pax(record("mtime", "soon")); }), HasSubstr("time"));
  EXPECT_THAT(error_of([] { parse_pax(record("GNU.sparse.map", "1,2,3")); }), HasSubstr("bad map"));
  EXPECT_THAT(error_of([] { parse_pax(record("GNU.sparse.major", "2")); }), HasSubstr("not supported"));
}

TEST(PaxTime, KeepsNanosecondsAndRoundsDownBeforeTheEpoch) {
  const auto is = [](std::string_view text, std::int64_t s, long ns) {
    const auto t = parse_pax_time(text);
    return t && t->tv_sec == s && t->tv_nsec == ns;
  };
  EXPECT_TRUE(is("12", 12, 0));
  EXPECT_TRUE(is("12.5", 12, 500'000'000));
  EXPECT_TRUE(is("12.1234567899", 12, 123'456'789));
  EXPECT_TRUE(is("-12.5", -13, 500'000'000));
  EXPECT_TRUE(is("-12", -12, 0));
  EXPECT_FALSE(parse_pax_time("12.x"));
  EXPECT_FALSE(parse_pax_time("99999999999999999999"));
}

std::vector<std::uint8_t> header_bytes() {
  const std::string tar = test::tar_of({test::file("name", "content")});
  return {tar.begin(), tar.begin() + kTarBlock};
}

TEST(TarHeader, ReadsAnOrdinaryHeader) {
  const TarHeader h = parse_tar_header(header_bytes());
  EXPECT_EQ(h.name, "name");
  EXPECT_EQ(h.size, 7U);
  EXPECT_EQ(h.mode, 0644U);
}

TEST(TarHeader, RefusesADamagedHeader) {
  auto bytes = header_bytes();
  bytes[0] ^= 1;
  EXPECT_THAT(error_of([&] { parse_tar_header(bytes); }), HasSubstr("invalid tar header"));
  EXPECT_THAT(error_of([&] { parse_tar_header(std::span(bytes).first(100)); }), HasSubstr("invalid tar header"));
}

// Writes `field` over the header and repairs the checksum.
std::vector<std::uint8_t> with_field(std::size_t at, const std::string& field) {
  auto bytes = header_bytes();
  std::copy(field.begin(), field.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at));
  std::fill_n(bytes.begin() + 148, 8, ' ');
  unsigned sum = 0;
  for (const auto b : bytes) sum += b;
  for (int i = 5; i >= 0; --i, sum /= 8)
    bytes[148 + static_cast<std::size_t>(i)] = static_cast<std::uint8_t>('0' + sum % 8);
  bytes[154] = 0;
  return bytes;
}

TEST(TarHeader, ReadsBinaryNumbers) {
  EXPECT_EQ(parse_tar_header(with_field(124, std::string("\x80\0\0\0\0\0\0\x02\0\0\0\1", 12))).size, 0x200000001U);
  EXPECT_EQ(parse_tar_header(with_field(108, std::string("\x80\0\0\0\xee\x6b\x28\0", 8))).uid, 4'000'000'000);
  EXPECT_EQ(
      parse_tar_header(with_field(136, std::string("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe", 12))).mtime, -2);
}

TEST(TarHeader, RefusesNumbersThatAreNone) {
  EXPECT_THAT(error_of([] { parse_tar_header(with_field(124, "0000000008x")); }), HasSubstr("malformed"));
  EXPECT_THAT(error_of([] {
                parse_tar_header(with_field(124, std::string("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe", 12)));
              }),
              HasSubstr("negative size"));
  EXPECT_THAT(error_of([] { parse_tar_header(with_field(124, std::string("\x80\1\0\0\0\0\0\0\0\0\0\0", 12))); }),
              HasSubstr("too large"));
}

TEST(CheckExtents, TakesOnlyAscendingOnesThatFit) {
  EXPECT_NO_THROW(check_extents({{0, 5}, {5, 5}, {20, 0}}, 20, 10));
  EXPECT_ANY_THROW(check_extents({{5, 5}, {0, 5}}, 20, 10));
  EXPECT_ANY_THROW(check_extents({{0, 5}, {4, 5}}, 20, 10));
  EXPECT_ANY_THROW(check_extents({{15, 6}}, 20, 6));
  EXPECT_ANY_THROW(check_extents({{0, 5}}, 20, 6));
  EXPECT_ANY_THROW(check_extents({{UINT64_MAX, 2}}, 20, 2));
}

}  // namespace
}  // namespace rkt::unpack
