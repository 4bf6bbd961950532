// SPDX-License-Identifier: Apache-2.0
#include "worker/unpack/aci.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "sys/digest.h"
#include "sys/file.h"
#include "sys/tempdir.h"
#include "worker/unpack/archive_for_test.h"
#include "worker/unpack/tree_for_test.h"

namespace rkt::unpack {
namespace {

using test::dir;
using test::error_of;
using test::file;
using test::file_of;
using test::hard_link;
using test::symlink;
using test::tar_of;
using testing::HasSubstr;

std::string scan_error(const std::vector<test::Member>& members) {
  const UniqueFd fd = file_of(tar_of(members));
  std::string manifest;
  return error_of([&] { scan_aci(fd.get(), {}, manifest); });
}

TEST(ScanAci, GivesDigestSizeCompressionAndManifest) {
  const std::vector<test::Member> members = {file("manifest", "{}"), dir("rootfs"), file("rootfs/f", "x")};
  const UniqueFd fd = file_of(tar_of(members, "xz"));
  std::string manifest;
  const Reply r = scan_aci(fd.get(), {}, manifest);
  EXPECT_EQ(r.digest, sha512_hex(tar_of(members)));
  EXPECT_EQ(r.tar_size, tar_of(members).size());
  EXPECT_EQ(r.compression, "xz");
  EXPECT_EQ(manifest, "{}");
}

TEST(ScanAci, RefusesArchivesThatAreNoAci) {
  EXPECT_EQ(scan_error({dir("rootfs")}), "missing manifest");
  EXPECT_EQ(scan_error({file("manifest", "{}"), file("rootfs", "")}), "rootfs is not a directory");
  EXPECT_EQ(scan_error({dir("manifest"), dir("rootfs")}), "manifest is not a regular file");
  EXPECT_EQ(scan_error({file("manifest", "{}"), file("manifest", "{}"), dir("rootfs")}),
            "duplicate file entry in archive: \"manifest\"");
  EXPECT_THAT(scan_error({file("manifest", "{}"), dir("rootfs"), file("rootfs/../../x", "")}), HasSubstr("\"..\""));
  EXPECT_THAT(scan_error({file("manifest", "{}"), dir("rootfs"), file("/../x", "")}), HasSubstr("\"..\""));
}

TEST(ScanAci, TakesWhatTheReferenceTakes) {
  EXPECT_EQ(scan_error({file("manifest", "{}")}), "no error");
  EXPECT_EQ(scan_error({file("manifest", "{}"), dir("rootfs"), file("rootfsx", ""), file("README", "x")}), "no error");
}

TEST(ScanAci, TakesDottedNamesAndTheTopDirectory) {
  EXPECT_EQ(scan_error({dir("./"), file("./manifest", "{}"), dir("./rootfs/")}), "no error");
  EXPECT_EQ(scan_error({dir("/"), file("/manifest", "{}"), dir("/rootfs/")}), "no error");
}

TEST(Decompress, WritesThePlainTarUpToItsLimit) {
  const std::vector<test::Member> members = {file("manifest", "{}"), file("rootfs/f", std::string(100'000, 'x'))};
  const UniqueFd fd = file_of(tar_of(members, "gzip")), out = memory_file("tar", {});
  EXPECT_EQ(decompress(fd.get(), {}, out.get()).digest, sha512_hex(tar_of(members)));
  EXPECT_THAT(error_of([&] { decompress(fd.get(), {.bytes = 50'000}, out.get()); }), HasSubstr("the limit of 50000"));
}

TEST(ScanAci, BoundsTheManifest) {
  const UniqueFd fd =
      file_of(tar_of({file("manifest", std::string((std::size_t{4} << 20) - 8192, 'x'))}).substr(0, 1024));
  std::string manifest;
  EXPECT_THAT(error_of([&] { scan_aci(fd.get(), {}, manifest); }), HasSubstr("tarball"));
}

class RenderAcis : public testing::TestWithParam<Form> {
 protected:
  struct Image {
    std::vector<test::Member> members;
    std::vector<std::string> whitelist, upper;
  };
  std::string render(std::vector<Image> images) {
    Request request{.operation = Operation::unpack_acis};
    std::vector<UniqueFd> owned;
    std::vector<int> files;
    for (auto& i : images) {
      i.members.push_back(file("manifest", "{}"));
      i.members.push_back(dir("rootfs"));
      const std::string tar = tar_of(i.members);
      request.archives.push_back({.digest = sha512_hex(tar), .whitelist = i.whitelist, .upper_whitelist = i.upper});
      files.push_back(owned.emplace_back(file_of(tar)).get());
    }
    Staging staging(*tree, Staging::Kind::plain, Below());
    return error_of([&] { unpack_acis(request, files, staging); });
  }
  std::string text(const std::string& name) { return tree.text(name); }
  test::TreeForTest tree{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Forms, RenderAcis, testing::Values(Form::directory, Form::erofs), test::form_name);

TEST_P(RenderAcis, UpperFilesWinAndLowerOnesFillIn) {
  ASSERT_EQ(render({{{file("rootfs/a", "upper")}}, {{file("rootfs/a", "lower"), file("rootfs/b", "lower")}}}),
            "no error");
  EXPECT_EQ(text("a"), "upper");
  EXPECT_EQ(text("b"), "lower");
  EXPECT_FALSE(tree.exists("manifest"));
}

TEST_P(RenderAcis, ARootThatNoArchiveDescribesIsTheSameInBothForms) {
  const std::string tar = tar_of({file("manifest", "{}"), file("rootfs/a", "x")});
  Staging staging(*tree, Staging::Kind::plain, Below());
  unpack_acis({.operation = Operation::unpack_acis, .archives = {{.digest = sha512_hex(tar)}}}, {file_of(tar).get()},
              staging);
  const auto root = tree.root();
  EXPECT_EQ(root.mode & 07777, 0755U);
  EXPECT_EQ(root.mtime.tv_sec, 0);
}

TEST_P(RenderAcis, WhatLiesBesideRootfsIsNoPartOfTheTree) {
  ASSERT_EQ(
      render({{{file("README", "x"), hard_link("COPYING", "README"), file("rootfsx/b", "x"), file("rootfs/a", "x")}}}),
      "no error");
  EXPECT_EQ(text("a"), "x");
  EXPECT_FALSE(tree.exists("README"));
  EXPECT_FALSE(tree.exists("b"));
}

TEST_P(RenderAcis, TheLastDuplicateWinsWhole) {
  ASSERT_EQ(render({{{file("rootfs/a", "a long first copy"), file("rootfs/a", "short")}}}), "no error");
  EXPECT_EQ(text("a"), "short");
}

TEST_P(RenderAcis, EntriesBelowALinkAreSkipped) {
  ASSERT_EQ(render({{{symlink("rootfs/out", "/tmp"), file("rootfs/out/rkt-unpack-escape", "x")}}}), "no error");
  EXPECT_NE(::access("/tmp/rkt-unpack-escape", F_OK), 0);
}

TEST_P(RenderAcis, AnotherDigestIsRefused) {
  const UniqueFd fd = file_of(tar_of({file("manifest", "{}"), dir("rootfs")}));
  const Request request{.operation = Operation::unpack_acis, .archives = {{.digest = std::string(128, '0')}}};
  Staging staging(*tree, Staging::Kind::plain, Below());
  EXPECT_THAT(error_of([&] { unpack_acis(request, {fd.get()}, staging); }),
              HasSubstr("image hash does not match expected"));
}

TEST_P(RenderAcis, AHardLinkGetsItsOwnImagesContentWhenAnUpperImageReplacedTheTarget) {
  ASSERT_EQ(render({{{file("rootfs/a", "upper")}}, {{file("rootfs/a", "lower"), hard_link("rootfs/b", "rootfs/a")}}}),
            "no error");
  EXPECT_EQ(text("a"), "upper");
  EXPECT_EQ(text("b"), "lower");
}

TEST_P(RenderAcis, HardLinksToAFileThatIsNotWhitelistedShareItsContent) {
  ASSERT_EQ(
      render({{{file("rootfs/a", "content"), hard_link("rootfs/b", "rootfs/a"), hard_link("rootfs/c", "rootfs/b")},
               {"/b", "/c"}}}),
      "no error");
  EXPECT_FALSE(tree.exists("a"));
  EXPECT_EQ(text("b"), "content");
  EXPECT_EQ(tree.look("b").inode, tree.look("c").inode);
}

TEST_P(RenderAcis, AHardLinkToNothingIsRefused) {
  EXPECT_THAT(render({{{hard_link("rootfs/b", "rootfs/a")}}}), HasSubstr("which the image lacks"));
  EXPECT_THAT(render({{{hard_link("rootfs/b", "manifest")}}}), HasSubstr("outside rootfs"));
}

TEST_P(RenderAcis, LimitsHold) {
  const std::string tar = tar_of({file("manifest", "{}"), dir("rootfs"), file("rootfs/a", std::string(1000, 'x'))});
  const UniqueFd fd = file_of(tar);
  Request request{.operation = Operation::unpack_acis, .limits = {.bytes = 999}, .archives = {{}}};
  Staging staging(*tree, Staging::Kind::plain, Below());
  EXPECT_THAT(error_of([&] { unpack_acis(request, {fd.get()}, staging); }), HasSubstr("more than 999 bytes"));
  request.limits = {.entries = 2};
  EXPECT_THAT(error_of([&] { unpack_acis(request, {fd.get()}, staging); }), HasSubstr("more than 2 entries"));
}

TEST(ExtractAci, WritesManifestAndRootfsAndRefusesChildrenOfLinks) {
  const TempDir to;
  const UniqueFd good =
      file_of(tar_of({file("manifest", "{}"), dir("rootfs"), file("rootfs/a", "x", 0755),
                      hard_link("rootfs/b", "rootfs/a"), file("README", "r"), hard_link("COPYING", "README")}));
  DirectoryTree tree(to.dir().clone(), false);
  Staging staging(tree, Staging::Kind::plain, Below());
  extract_aci(good.get(), {}, staging);
  EXPECT_EQ(read_file(to.dir(), "manifest"), "{}");
  EXPECT_EQ(read_file(to.dir(), "rootfs/b"), "x");
  struct stat st{};
  EXPECT_EQ(::fstatat(to.dir().get(), "rootfs/a", &st, 0), 0);
  EXPECT_EQ(st.st_mode & 07777, 0755U) << "not the mode of the link's entry";
  EXPECT_EQ(read_file(to.dir(), "COPYING"), "r");
  const TempDir other;
  const UniqueFd bad =
      file_of(tar_of({file("manifest", "{}"), dir("rootfs"), symlink("rootfs/l", "/tmp"), file("rootfs/l/x", "")}));
  DirectoryTree second_tree(other.dir().clone(), false);
  Staging second(second_tree, Staging::Kind::plain, Below());
  EXPECT_THAT(error_of([&] { extract_aci(bad.get(), {}, second); }), HasSubstr("is a symbolic link"));
}

TEST(ExtractAci, MakesHardLinksThatComeBeforeTheirTargets) {
  const TempDir to;
  const UniqueFd good =
      file_of(tar_of({hard_link("rootfs/d/first", "rootfs/second"), hard_link("rootfs/second", "rootfs/d/file"),
                      dir("rootfs"), dir("rootfs/d", 0711), file("rootfs/d/file", "x"), file("manifest", "{}")}));
  DirectoryTree tree(to.dir().clone(), false);
  Staging staging(tree, Staging::Kind::plain, Below());
  extract_aci(good.get(), {}, staging);
  struct stat st{}, dir{};
  EXPECT_EQ(::fstatat(to.dir().get(), "rootfs/d/first", &st, 0), 0);
  EXPECT_EQ(st.st_nlink, 3U);
  EXPECT_EQ(::fstatat(to.dir().get(), "rootfs/d", &dir, 0), 0);
  EXPECT_EQ(dir.st_mode & 07777, 0711U);
  for (const char* target : {"rootfs/nowhere", "rootfs/x"}) {
    const TempDir other;
    const UniqueFd bad = file_of(tar_of({hard_link("rootfs/x", target), file("manifest", "{}")}));
    DirectoryTree second_tree(other.dir().clone(), false);
    Staging second(second_tree, Staging::Kind::plain, Below());
    EXPECT_THAT(error_of([&] { extract_aci(bad.get(), {}, second); }), HasSubstr("rootfs/x")) << target;
  }
}

}  // namespace
}  // namespace rkt::unpack
