// SPDX-License-Identifier: Apache-2.0
#include "worker/unpack/tar_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/sysmacros.h>

#include "worker/unpack/archive_for_test.h"

namespace rkt::unpack {
namespace {

using test::file_of;

struct Read {
  Entry entry;
  std::string content;  // holes as zero bytes
  std::vector<std::uint64_t> data_at;
};

// Our reader's view of what is written: two programs that must agree.
std::vector<Read> written(const std::vector<std::pair<Entry, std::vector<Extent>>>& entries, const std::string& data) {
  std::string tar;
  TarWriter writer(
      [&](std::span<const std::uint8_t> b) { tar.append(reinterpret_cast<const char*>(b.data()), b.size()); });
  for (const auto& [entry, extents] : entries) {
    writer.entry(entry, extents);
    for (const auto& e : extents) writer.data({reinterpret_cast<const std::uint8_t*>(data.data()) + e.offset, e.size});
  }
  writer.finish();
  EXPECT_EQ(tar.size() % kTarBlock, 0U);
  const UniqueFd fd = file_of(tar);
  ArchiveStream stream(fd.get(), {});
  TarReader reader(stream);
  std::vector<Read> out;
  for (Read one; reader.next(one.entry); one = {}) {
    one.content.assign(one.entry.size, '\0');
    reader.data([&](std::span<const std::uint8_t> b, std::uint64_t at) {
      one.data_at.push_back(at);
      one.content.replace(at, b.size(), reinterpret_cast<const char*>(b.data()), b.size());
    });
    out.push_back(std::move(one));
  }
  return out;
}

Entry regular(std::string name, std::uint64_t size) {
  return {.name = std::move(name), .target = {}, .size = size, .attributes = {.xattrs = {}}};
}

TEST(TarWriter, WritesWhatTheReaderReads) {
  Entry e = regular("rootfs/a", 700);
  e.attributes = {.mode = 04755, .uid = 1000, .gid = 50, .mtime = {1'500'000'000, 0}, .xattrs = {{"user.x", "v\n="}}};
  const std::string data(700, 'd');
  const auto got = written({{e, {{0, 700}}}, {regular("rootfs/empty", 0), {}}}, data);
  ASSERT_EQ(got.size(), 2U);
  EXPECT_EQ(got[0].entry.name, "rootfs/a");
  EXPECT_EQ(got[0].content, data);
  EXPECT_EQ(got[0].entry.attributes.mode & 07777U, 04755U);
  EXPECT_EQ(got[0].entry.attributes.uid, 1000U);
  EXPECT_EQ(got[0].entry.attributes.gid, 50U);
  EXPECT_EQ(got[0].entry.attributes.mtime.tv_sec, 1'500'000'000);
  EXPECT_EQ(got[0].entry.attributes.xattrs, e.attributes.xattrs);
  EXPECT_EQ(got[1].entry.size, 0U);
}

TEST(TarWriter, PutsWhatDoesNotFitIntoAPaxHeader) {
  Entry e = regular(std::string(300, 'n') + "\xff", 1);
  e.attributes.uid = 4'000'000'000;
  e.attributes.gid = 3'000'000;
  e.attributes.mtime = {-5, 0};
  Entry link{.type = Entry::Type::symlink, .name = "l", .target = std::string(101, 't'), .attributes = {.xattrs = {}}};
  const auto got = written({{e, {{0, 1}}}, {link, {}}}, "x");
  ASSERT_EQ(got.size(), 2U);
  EXPECT_EQ(got[0].entry.name, e.name);
  EXPECT_EQ(got[0].entry.attributes.uid, 4'000'000'000U);
  EXPECT_EQ(got[0].entry.attributes.gid, 3'000'000U);
  EXPECT_EQ(got[0].entry.attributes.mtime.tv_sec, -5);
  EXPECT_EQ(got[1].entry.target, link.target);
}

TEST(TarWriter, KeepsHoles) {
  const std::string data = std::string(100'000, '\0') + std::string(600, 'x') + std::string(100'000, '\0');
  const auto got = written({{regular("s", data.size()), {{100'000, 600}}}, {regular("hole", 5'000), {}}}, data);
  ASSERT_EQ(got.size(), 2U);
  EXPECT_EQ(got[0].entry.name, "s");
  EXPECT_EQ(got[0].content, data);
  EXPECT_THAT(got[0].data_at, testing::Each(testing::Ge(100'000U)));
  EXPECT_EQ(got[1].entry.name, "hole");
  EXPECT_EQ(got[1].content, std::string(5'000, '\0'));
}

TEST(TarWriter, WritesTheOtherKinds) {
  std::vector<std::pair<Entry, std::vector<Extent>>> all;
  for (const auto type : {Entry::Type::directory, Entry::Type::fifo, Entry::Type::char_device,
                          Entry::Type::block_device, Entry::Type::hard_link}) {
    Entry e{.type = type, .name = "e", .target = {}, .attributes = {.xattrs = {}}};
    if (type == Entry::Type::hard_link) e.target = "first";
    if (type == Entry::Type::char_device || type == Entry::Type::block_device) e.device = makedev(10, 200);
    all.emplace_back(e, std::vector<Extent>{});
  }
  const auto got = written(all, "");
  ASSERT_EQ(got.size(), all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(got[i].entry.type, all[i].first.type);
    EXPECT_EQ(got[i].entry.target, all[i].first.target);
    EXPECT_EQ(got[i].entry.device, all[i].first.device);
  }
}

}  // namespace
}  // namespace rkt::unpack
