// SPDX-License-Identifier: Apache-2.0
#include "worker/unpack/pack.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <map>

#include "base/strings.h"
#include "sys/file.h"
#include "sys/mount_place.h"
#include "sys/tempdir.h"
#include "worker/unpack/tar.h"

namespace rkt::unpack {
namespace {

struct Packed {
  std::map<std::string, Entry> entries;
  std::vector<std::string> order, notes;
};

Packed pack(const DirFd& dir, Shift shift = {}) {
  Packed out;
  const UniqueFd file = memory_file("aci", "");
  pack_aci(dir, "{}", shift, file.get(), [&](std::string_view line) { out.notes.emplace_back(line); });
  ArchiveStream stream(file.get(), {});
  EXPECT_EQ(stream.compression(), Compression::gzip);
  TarReader reader(stream);
  Entry e;
  while (reader.next(e)) {
    out.order.push_back(e.name);
    out.entries[e.name] = e;
  }
  return out;
}

TEST(Pack, ManifestFirstThenTheTreeInOrder) {
  const TempDir tmp;
  const DirFd dir = DirFd::open(tmp.path());
  dir.make_sub("b");
  write_file(dir, "b/file", "text", 0640);
  write_file(dir, "a", "", 0644);
  EXPECT_EQ(pack(dir).order, (std::vector<std::string>{"manifest", "rootfs", "rootfs/a", "rootfs/b", "rootfs/b/file"}));
}

TEST(Pack, NamesOfOneFileStayOneFile) {
  const TempDir tmp;
  const DirFd dir = DirFd::open(tmp.path());
  write_file(dir, "one", "text", 0644);
  ASSERT_EQ(::linkat(dir.get(), "one", dir.get(), "two", 0), 0);
  const auto got = pack(dir);
  EXPECT_EQ(got.entries.at("rootfs/one").type, Entry::Type::regular);
  EXPECT_EQ(got.entries.at("rootfs/two").type, Entry::Type::hard_link);
  EXPECT_EQ(got.entries.at("rootfs/two").target, "rootfs/one");
}

TEST(Pack, PlacesForMountsAreLeftOutWhileEmpty) {
  const TempDir tmp;
  const DirFd& dir = tmp.dir();
  for (const char* name : {"place", "grown"}) mark_place(dir.open_file(name, O_WRONLY | O_CREAT, 0644).get());
  if (!is_place(dir.open_file("place", O_RDONLY).get())) GTEST_SKIP() << "no user attributes here";
  write_file(dir, "grown", "x", 0644);
  mark_place(dir.make_sub("volume").get());
  mark_place(dir.make_sub("used").get());
  write_file(dir, "used/file", "", 0644);
  const auto got = pack(dir);
  EXPECT_EQ(got.order,
            (std::vector<std::string>{"manifest", "rootfs", "rootfs/grown", "rootfs/used", "rootfs/used/file"}));
  EXPECT_TRUE(got.entries.at("rootfs/grown").attributes.xattrs.empty());
}

TEST(Pack, LinksAreNeverFollowed) {
  const TempDir tmp;
  const DirFd dir = DirFd::open(tmp.path());
  ASSERT_EQ(::symlinkat("/etc", dir.get(), "etc"), 0);
  ASSERT_EQ(::symlinkat("/etc/passwd", dir.get(), "passwd"), 0);
  const auto got = pack(dir);
  EXPECT_EQ(got.entries.at("rootfs/etc").target, "/etc");
  EXPECT_EQ(got.entries.at("rootfs/passwd").type, Entry::Type::symlink);
  EXPECT_EQ(got.order.size(), 4U);
}

TEST(Pack, OwnersAreThoseInside) {
  const TempDir tmp;
  const DirFd dir = DirFd::open(tmp.path());
  write_file(dir, "mine", "", 0644);
  const auto first = static_cast<std::uint32_t>(::getuid());
  EXPECT_EQ(pack(dir, {.first = first, .count = 1}).entries.at("rootfs/mine").attributes.uid, 0U);
  EXPECT_EQ(pack(dir).entries.at("rootfs/mine").attributes.uid, first);
}

TEST(Pack, SocketsAreSkippedAndSaid) {
  const TempDir tmp;
  const DirFd dir = DirFd::open(tmp.path());
  for (int i = 0; i < 12; ++i) ASSERT_EQ(::mknodat(dir.get(), cat("s", i).c_str(), S_IFSOCK | 0600, 0), 0);
  const auto got = pack(dir);
  EXPECT_EQ(got.order, (std::vector<std::string>{"manifest", "rootfs"}));
  ASSERT_EQ(got.notes.size(), 11U);
  EXPECT_EQ(got.notes.front(), "skipping socket \"rootfs/s0\"");
  EXPECT_EQ(got.notes.back(), "2 more sockets skipped");
}

TEST(Pack, WhatNoImageCanHoldIsSkippedAndSaid) {
  const TempDir tmp;
  const std::string name(255, 'n');
  DirFd at = tmp.dir().clone();
  for (int i = 0; i < 16; ++i) at = at.make_sub(name);
  const auto got = pack(tmp.dir());
  EXPECT_EQ(got.order.size(), 17U);
  ASSERT_EQ(got.notes.size(), 1U);
  EXPECT_TRUE(got.notes[0].ends_with("nn...\": its path has 4102 bytes, more than the 4095 of an image"));
}

TEST(Pack, DepthDoesNotMatter) {
  const TempDir tmp;
  const DirFd dir = DirFd::open(tmp.path());
  DirFd at = dir.clone();
  for (int i = 0; i < 100; ++i) at = at.make_sub("directory");
  write_file(at, "file", "text", 0644);
  EXPECT_EQ(pack(dir).order.size(), 103U);
}

}  // namespace
}  // namespace rkt::unpack
