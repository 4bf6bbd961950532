// SPDX-License-Identifier: Apache-2.0
// What only this form has: places of inodes, directories of many blocks, holes, attributes. That the kernel agrees is
// tested in tests/functional.
#include "worker/unpack/erofs_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/strings.h"
#include "sys/file.h"
#include "worker/unpack/archive_for_test.h"
#include "worker/unpack/erofs_reader_for_test.h"

namespace rkt::unpack {
namespace {

using test::error_of;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

const std::string kCapability("\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 20);

class ErofsTreeTest : public testing::Test {
 protected:
  std::shared_ptr<NewDirectory> root() { return tree.root(); }
  static void file(const std::shared_ptr<NewDirectory>& dir, const std::string& name, const std::string& text,
                   const Attributes& attributes = {.xattrs = {}}) {
    const auto made = dir->create(name, attributes);
    ASSERT_TRUE(made) << name;
    made->write({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, 0);
    made->finish(text.size());
  }
  std::string image() const {
    ::lseek(file_.get(), 0, SEEK_SET);
    return read_all(file_.get(), "image", std::size_t{1} << 28);
  }
  test::ErofsReader finish() {
    tree.finish();
    std::string bytes = image();
    EXPECT_EQ(bytes.size(), tree.bytes());
    return test::ErofsReader(std::move(bytes));
  }
  UniqueFd file_ = memory_file("image", ""), scratch_ = memory_file("scratch", "");
  ErofsTree tree{file_.get(), scratch_.get(), {0xaa}};
};

TEST_F(ErofsTreeTest, AnEmptyTreeIsARootDirectory) {
  const auto read = finish();
  EXPECT_EQ(read.nodes().size(), 1U);
  EXPECT_EQ(read.node("").inode.links, 2U);
  EXPECT_EQ(read.super().uuid[0], 0xaa);
  EXPECT_THAT(tree.digest(), testing::StartsWith("sha256:"));
}

TEST_F(ErofsTreeTest, KeepsEveryAttribute) {
  const Attributes all{
      .mode = 07751,
      .uid = 4'000'000'000,
      .gid = 70'000,
      .mtime = {.tv_sec = -5'000'000'000, .tv_nsec = 999'999'999},
      .xattrs = {{"user.a", "1"}, {"security.capability", kCapability}, {"user.a", "2"}, {"user.e", ""}}};
  file(root(), "f", "text", all);
  root()->make("d", all);
  root()->special("c", {.type = Entry::Type::char_device, .device = makedev(4095, 1048575), .attributes = all});
  root()->special("p", {.type = Entry::Type::fifo, .attributes = all});
  root()->special("l", {.type = Entry::Type::symlink, .target = "somewhere", .attributes = all});
  const auto read = finish();
  for (const char* name : {"f", "d", "c", "p"}) {
    const auto& inode = read.node(name).inode;
    EXPECT_EQ(read.node(name).permissions(), 07751U) << name;
    EXPECT_EQ(inode.uid, 4'000'000'000U);
    EXPECT_EQ(inode.gid, 70'000U);
    EXPECT_EQ(inode.mtime, -5'000'000'000);
    EXPECT_EQ(inode.mtime_nsec, 999'999'999U);
  }
  for (const char* name : {"f", "d"})
    EXPECT_THAT(read.node(name).xattrs,
                ElementsAre(Pair("security.capability", kCapability), Pair("user.a", "2"), Pair("user.e", "")));
  EXPECT_EQ(read.node("c").inode.place, 0xFFFU << 8 | 0xFFU | 0xFFF00U << 12);
  EXPECT_EQ(read.node("l").permissions(), 0777U);
  EXPECT_EQ(read.node("l").content, "somewhere");
}

TEST_F(ErofsTreeTest, DirectoriesOfAnySizeAreSorted) {
  const std::string longest(255, 'n');
  const auto many = root()->make("many", {.xattrs = {}});
  for (int i = 0; i < 3000; ++i) file(many, cat("name-", i * 7919 % 3000), "");
  for (const char* name : {"!", "-", "...", ".a", "0"}) file(root(), name, name);
  file(root(), longest, "long");
  // One more byte each time, so that every way of filling a block occurs.
  for (std::size_t n = 0; n < 300; ++n) {
    const auto dir = root()->make(cat("d", n), {.xattrs = {}});
    for (std::size_t i = 0; i < 4; ++i) file(dir, std::string(200 + (n + i * 13) % 55, static_cast<char>('a' + i)), "");
    for (std::size_t i = 0; i < n % 23; ++i) file(dir, cat(std::string(150, 'x'), i), "");
  }
  const auto read = finish();
  EXPECT_EQ(read.node(longest).content, "long");
  EXPECT_EQ(read.node("!").content, "!");
  EXPECT_EQ(read.node("many/name-2999").inode.size, 0U);
}

TEST_F(ErofsTreeTest, HolesAreNotStored) {
  const auto at = [&](const std::string& name, std::initializer_list<std::pair<std::uint64_t, std::size_t>> pieces,
                      std::uint64_t size) {
    const auto made = root()->create(name, {.xattrs = {}});
    for (const auto& [offset, n] : pieces) {
      const std::vector<std::uint8_t> bytes(n, 'x');
      made->write(bytes, offset);
    }
    made->finish(size);
  };
  at("behind", {{0, 5000}}, 1'000'000);
  at("between", {{100, 1}, {4095, 2}, {20'000, 10'000}}, 30'000);
  at("before", {{40'960, 4096}}, 45'056);
  at("only", {}, 100'000);
  at("small", {{10, 1}, {30, 1}}, 50);
  at("after", {{0, 4096}}, 4096);
  const auto read = finish();
  std::string between(30'000, '\0');
  between[100] = between[4095] = between[4096] = 'x';
  std::fill(between.begin() + 20'000, between.end(), 'x');
  EXPECT_EQ(read.node("behind").content, std::string(5000, 'x') + std::string(995'000, '\0'));
  EXPECT_EQ(read.node("behind").holes, 243U);
  EXPECT_EQ(read.node("between").content, between);
  EXPECT_EQ(read.node("between").holes, 2U);
  EXPECT_EQ(read.node("before").content, std::string(40'960, '\0') + std::string(4096, 'x'));
  EXPECT_EQ(read.node("only").holes, 25U);
  EXPECT_EQ(read.node("small").holes, 0U);
  EXPECT_EQ(read.node("after").content, std::string(4096, 'x'));
}

TEST_F(ErofsTreeTest, FilesWithManyNamesCountThem) {
  file(root(), "f", "x");
  const auto dir = root()->make("d", {.xattrs = {}});
  for (int i = 0; i < 70'000; ++i) ASSERT_TRUE(dir->link(cat(i), *root(), "f"));
  dir->remove("17");
  root()->remove("f");
  const auto gone = root()->make("gone", {.xattrs = {}});
  gone->link("f", *dir, "1");
  root()->remove("gone");
  const auto read = finish();
  EXPECT_EQ(read.node("d/1").inode.links, 69'999U);
  EXPECT_EQ(read.node("d/1").nid, read.node("d/2").nid);
  EXPECT_FALSE(read.nodes().contains("gone/f"));
}

TEST_F(ErofsTreeTest, LinksOfAnyLengthAreKept) {
  for (const std::size_t n : {1U, 100U, 4000U, 4031U, 4032U, 4033U, 4095U})
    root()->special(cat(n),
                    {.type = Entry::Type::symlink, .target = std::string(n, 't'), .attributes = {.xattrs = {}}});
  EXPECT_THAT(error_of([&] {
                root()->special(
                    "x",
                    {.type = Entry::Type::symlink, .target = std::string(4096, 't'), .attributes = {.xattrs = {}}});
              }),
              HasSubstr("file name too long"));
  const auto read = finish();
  for (const std::size_t n : {1U, 100U, 4000U, 4031U, 4032U, 4033U, 4095U})
    EXPECT_EQ(read.node(cat(n)).content.size(), n);
}

TEST_F(ErofsTreeTest, AShortLinkIsInTheBlockOfItsInode) {
  for (std::size_t i = 0; i < 200; ++i)
    root()->special(
        cat(i), {.type = Entry::Type::symlink, .target = std::string(1 + i % 150, 't'), .attributes = {.xattrs = {}}});
  const auto read = finish();
  for (const auto& [name, node] : read.nodes()) {
    if (!S_ISLNK(node.type())) continue;
    EXPECT_LE(node.nid * erofs::kSlot % erofs::kBlock + sizeof(erofs::Inode) + node.content.size(), erofs::kBlock)
        << name;
  }
}

TEST_F(ErofsTreeTest, OpaqueMarksStandBesideOtherAttributes) {
  root()->make("d", {.xattrs = {{"user.x", std::string(5000, 'v')}}});
  root()->make("e", {.xattrs = {}});
  tree.mark_opaque("d");
  tree.mark_opaque("e");
  const auto read = finish();
  EXPECT_EQ(read.node("d").xattrs.at("trusted.overlay.opaque"), "y");
  EXPECT_EQ(read.node("d").xattrs.at("user.x").size(), 5000U);
  EXPECT_EQ(read.node("e").xattrs.size(), 1U);
}

TEST_F(ErofsTreeTest, RefusesAttributesThatTheKernelWouldNotSet) {
  const auto refused = [&](std::string name, std::string value) {
    return error_of([&] { root()->make("d", {.xattrs = {{std::move(name), std::move(value)}}}); });
  };
  EXPECT_THAT(refused("security.capability", "short"), HasSubstr("invalid argument"));
  EXPECT_THAT(refused("user." + std::string(251, 'x'), ""), HasSubstr("out of range"));
  EXPECT_THAT(refused("user.x", std::string(65'537, 'x')), HasSubstr("too long"));
  EXPECT_THAT(refused("user.x", std::string(65'536, 'x')), HasSubstr("too large"));
}

TEST_F(ErofsTreeTest, LargeFilesOfInodesGoThroughTheScratchFile) {
  const auto dir = root()->make("d", {.xattrs = {}});
  const std::string value(3000, 'v');
  for (int i = 0; i < 2000; ++i) file(dir, cat(i), cat(i), {.mode = 0600, .xattrs = {{"user.x", value}}});
  dir->special("link", {.type = Entry::Type::symlink, .target = "1", .attributes = {.xattrs = {}}});
  for (int i = 0; i < 1000; ++i) file(dir, cat("more", i), cat(i), {.mode = 0600, .xattrs = {{"user.x", value}}});
  dir->link("other", *dir, "3");
  EXPECT_EQ(dir->read_link("link"), "1");
  const auto read = finish();
  EXPECT_EQ(read.node("d/3").inode.links, 2U);
  EXPECT_EQ(read.node("d/1999").content, "1999");
  EXPECT_EQ(read.node("d/more7").xattrs.at("user.x"), value);
}

TEST_F(ErofsTreeTest, TheSameEntriesMakeTheSameFile) {
  const auto make = [](const UniqueFd& out) {
    const UniqueFd scratch = memory_file("scratch", "");
    ErofsTree again(out.get(), scratch.get(), {});
    const auto dir = again.root()->make("d", {.xattrs = {}});
    for (int i = 0; i < 500; ++i) file(dir, cat(i), cat(i));
    again.finish();
    return again.digest();
  };
  const UniqueFd a = memory_file("a", ""), b = memory_file("b", "");
  EXPECT_EQ(make(a), make(b));
  ::lseek(a.get(), 0, SEEK_SET);
  ::lseek(b.get(), 0, SEEK_SET);
  EXPECT_EQ(read_all(a.get(), "a"), read_all(b.get(), "b"));
}

}  // namespace
}  // namespace rkt::unpack
