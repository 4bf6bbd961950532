// SPDX-License-Identifier: Apache-2.0
#include "worker/unpack/tar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "worker/unpack/archive_for_test.h"

namespace rkt::unpack {
namespace {

using test::error_of;
using test::file_of;
using testing::HasSubstr;

std::vector<std::string> names_in(const std::string& tar) {
  const UniqueFd fd = file_of(tar);
  ArchiveStream stream(fd.get(), {});
  TarReader reader(stream);
  std::vector<std::string> out;
  Entry e;
  while (reader.next(e)) out.push_back(e.name);
  return out;
}

TEST(KeepXattr, TakesUserAttributesAndFileCapabilitiesOnly) {
  EXPECT_TRUE(keep_xattr("user.mime"));
  EXPECT_TRUE(keep_xattr("security.capability"));
  EXPECT_FALSE(keep_xattr("security.selinux"));
  EXPECT_FALSE(keep_xattr("trusted.overlay.opaque"));
  EXPECT_FALSE(keep_xattr("trusted.overlay.redirect"));
  EXPECT_FALSE(keep_xattr("user.overlay.opaque"));
  EXPECT_FALSE(keep_xattr("system.posix_acl_access"));
  EXPECT_FALSE(keep_xattr("user."));
}

TEST(TarReader, KeepsTheBytesOfNames) {
  const std::string decomposed = "e\xcc\x81";  // must not become the composed letter
  const std::string long_name = std::string(120, 'n') + decomposed;
  const std::string no_utf8 = "b\xff";
  EXPECT_EQ(names_in(test::tar_of({test::file(decomposed, ""), test::file(long_name, ""), test::file(no_utf8, "")})),
            (std::vector<std::string>{decomposed, long_name, no_utf8}));
}

// One ustar header, and its content padded to whole blocks.
std::string raw_member(const std::string& name, char type, const std::string& content) {
  std::string h(512, '\0');
  const auto put = [&](std::size_t at, const std::string& text) { h.replace(at, text.size(), text); };
  put(0, name);
  put(100, "0000644");
  put(108, "0000000");
  put(116, "0000000");
  std::string size(11, '0');
  for (std::size_t n = content.size(), i = 11; n != 0; n /= 8) size[--i] = static_cast<char>('0' + n % 8);
  put(124, size);
  put(136, "00000000000");
  put(148, std::string(8, ' '));
  h[156] = type;
  put(257, std::string("ustar\00000", 8));
  unsigned sum = 0;
  for (const char c : h) sum += static_cast<unsigned char>(c);
  std::string check(6, '0');
  for (std::size_t i = 6; sum != 0; sum /= 8) check[--i] = static_cast<char>('0' + sum % 8);
  put(148, check + std::string("\0 ", 2));
  return h + content + std::string((512 - content.size() % 512) % 512, '\0');
}

std::string pax_record(const std::string& key, const std::string& value) {
  const std::string rest = " " + key + "=" + value + "\n";
  std::size_t length = rest.size() + 1;
  while (std::to_string(length).size() + rest.size() != length) ++length;
  return std::to_string(length) + rest;
}

TEST(TarReader, DoesNotNormaliseThePathsOfPaxHeaders) {
  const std::string decomposed = "pax-e\xcc\x81", target = "target-e\xcc\x81";
  const std::string tar = raw_member("x", 'x', pax_record("path", decomposed) + pax_record("linkpath", target)) +
                          raw_member("short", '1', "") + std::string(1024, '\0');
  const UniqueFd fd = file_of(tar);
  ArchiveStream stream(fd.get(), {});
  TarReader reader(stream);
  Entry e;
  ASSERT_TRUE(reader.next(e));
  EXPECT_EQ(e.name, decomposed);
  EXPECT_EQ(e.target, target);
}

TEST(TarReader, KeepsNanosecondsLargeOwnersAndAttributes) {
  const std::string tar =
      raw_member("x", 'x',
                 pax_record("mtime", "1500000000.123456789") + pax_record("uid", "4000000000") +
                     pax_record("SCHILY.xattr.user.a", "1") + pax_record("LIBARCHIVE.xattr.user.b", "Mg") +
                     pax_record("SCHILY.xattr.trusted.overlay.opaque", "y")) +
      raw_member("f", '0', "") + std::string(1024, '\0');
  const UniqueFd fd = file_of(tar);
  ArchiveStream stream(fd.get(), {});
  TarReader reader(stream);
  Entry e;
  ASSERT_TRUE(reader.next(e));
  EXPECT_EQ(e.attributes.mtime.tv_nsec, 123456789);
  EXPECT_EQ(e.attributes.uid, 4000000000U);
  EXPECT_THAT(e.attributes.xattrs,
              testing::UnorderedElementsAre(testing::Pair("user.a", "1"), testing::Pair("user.b", "2")));
}

TEST(TarReader, RefusesAnOwnerThatMeansNobodyToTheKernel) {
  const std::string tar =
      raw_member("x", 'x', pax_record("uid", "4294967295")) + raw_member("f", '0', "") + std::string(1024, '\0');
  EXPECT_THAT(error_of([&] { names_in(tar); }), HasSubstr("has the owner 4294967295"));
}

TEST(TarReader, ReadsContentAndTypes) {
  const UniqueFd fd =
      file_of(test::tar_of({test::file("f", "content"), test::symlink("s", "f"), test::hard_link("h", "f")}));
  ArchiveStream stream(fd.get(), {});
  TarReader reader(stream);
  Entry e;
  ASSERT_TRUE(reader.next(e));
  EXPECT_EQ(reader.text(100), "content");
  ASSERT_TRUE(reader.next(e));
  EXPECT_EQ(e.type, Entry::Type::symlink);
  EXPECT_EQ(e.target, "f");
  ASSERT_TRUE(reader.next(e));
  EXPECT_EQ(e.type, Entry::Type::hard_link);
  EXPECT_EQ(e.target, "f");
  EXPECT_FALSE(reader.next(e));
}

TEST(TarReader, BoundsWhatIsReadIntoMemory) {
  const UniqueFd fd = file_of(test::tar_of({test::file("f", std::string(101, 'x'))}));
  ArchiveStream stream(fd.get(), {});
  TarReader reader(stream);
  Entry e;
  ASSERT_TRUE(reader.next(e));
  EXPECT_THAT(error_of([&] { reader.text(100); }), HasSubstr("larger than 100 bytes"));
}

TEST(TarReader, RefusesATruncatedArchive) {
  const std::string tar = test::tar_of({test::file("f", std::string(5000, 'x'))}).substr(0, 2048);
  const UniqueFd fd = file_of(tar);
  ArchiveStream stream(fd.get(), {});
  TarReader reader(stream);
  Entry e;
  ASSERT_TRUE(reader.next(e));
  EXPECT_THAT(error_of([&] { reader.text(10000); }), HasSubstr("error extracting tarball"));
}

TEST(TarReader, AnArchiveMayEndWithTheLastByteOfAFile) {
  const std::string whole = raw_member("a", '0', "content");
  EXPECT_EQ(names_in(whole.substr(0, 512 + 7)), std::vector<std::string>{"a"});
  for (const std::size_t cut : {512 + 6, 512 + 8, 512 + 100})
    EXPECT_THAT(error_of([&] { names_in(whole.substr(0, cut)); }), HasSubstr("truncated")) << cut;
}

TEST(TarReader, RefusesWhatIsNoTarBehindTheCompression) {
  std::string packed(4096, '\0');
  std::size_t used = 0;
  archive* a = archive_write_new();
  archive_write_set_format_raw(a);
  archive_write_add_filter_gzip(a);
  archive_write_open_memory(a, packed.data(), packed.size(), &used);
  archive_entry* e = archive_entry_new();
  archive_entry_set_mode(e, AE_IFREG);
  archive_write_header(a, e);
  archive_write_data(a, "this is no archive", 18);
  archive_entry_free(e);
  archive_write_free(a);
  packed.resize(used);
  EXPECT_THAT(error_of([&] { names_in(packed); }), HasSubstr("error extracting tarball"));
}

TEST(TarReader, AnArchiveOfNoEntriesIsEmpty) { EXPECT_TRUE(names_in(std::string(1024, '\0')).empty()); }

}  // namespace
}  // namespace rkt::unpack
