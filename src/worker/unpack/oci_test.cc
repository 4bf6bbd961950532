// SPDX-License-Identifier: Apache-2.0
#include "worker/unpack/oci.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

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
using testing::ElementsAre;
using testing::HasSubstr;

class UnpackLayer : public testing::TestWithParam<Form> {
 protected:
  std::string unpack(const std::vector<test::Member>& members) {
    const std::string tar = tar_of(members), packed = tar_of(members, "gzip");
    return unpack(packed, {.digest = "sha256:" + sha256_hex(packed), .diff_id = "sha256:" + sha256_hex(tar)});
  }
  std::string unpack(const std::string& bytes, const Request::Archive& archive) {
    const UniqueFd fd = file_of(bytes);
    tree = std::make_unique<test::TreeForTest>(GetParam());
    Staging staging(**tree, Staging::Kind::layer, Below(lower.dir().clone()));
    return error_of([&] { unpack_layer(fd.get(), archive, {}, staging); });
  }
  std::string text(const std::string& name) { return tree->text(name); }
  TempDir lower;
  std::unique_ptr<test::TreeForTest> tree;
};
INSTANTIATE_TEST_SUITE_P(Forms, UnpackLayer, testing::Values(Form::directory, Form::erofs), test::form_name);

// The tar is what counts: the file's own digest is asked for when that is not known, or to say what is wrong.
TEST_P(UnpackLayer, ChecksTheTarsDigestOrTheFiles) {
  const std::vector<test::Member> members = {file("f", "x")};
  const std::string tar = tar_of(members), packed = tar_of(members, "gzip");
  const std::string digest = "sha256:" + sha256_hex(packed), diff = "sha256:" + sha256_hex(tar);
  const std::string lie = "sha256:" + std::string(64, '0');
  EXPECT_EQ(unpack(packed, {.digest = digest, .diff_id = diff}), "no error");
  EXPECT_EQ(unpack(packed, {.digest = lie, .diff_id = ""}),
            "layer digest does not match: expected " + lie + ", got " + digest);
  EXPECT_EQ(unpack(packed, {.digest = digest, .diff_id = lie}),
            "layer diff_id does not match: expected " + lie + ", got " + diff);
  EXPECT_THAT(unpack(packed, {.digest = digest, .diff_id = "md5:00"}), HasSubstr("not supported"));
  EXPECT_THAT(unpack(packed, {.digest = digest, .diff_id = "sha256"}), HasSubstr("malformed"));
}

TEST_P(UnpackLayer, HashesWhatFollowsTheTarsEnd) {
  const std::string tar = tar_of({file("f", "x")}) + std::string(5000, '\0') + "trailing garbage";
  EXPECT_EQ(unpack(tar, {.digest = "sha256:" + sha256_hex(tar), .diff_id = "sha512:" + sha512_hex(tar)}), "no error");
}

TEST_P(UnpackLayer, ADamagedFileIsAWrongDigestFirst) {
  std::string packed = tar_of({file("f", "x")}, "gzip");
  const std::string digest = "sha256:" + sha256_hex(packed);
  packed[packed.size() / 2] = static_cast<char>(~packed[packed.size() / 2]);
  EXPECT_THAT(unpack(packed, {.digest = digest, .diff_id = ""}), HasSubstr("layer digest does not match"));
  packed.replace(0, 100, std::string(100, '\0'));
  EXPECT_THAT(unpack(packed, {.digest = digest, .diff_id = ""}), HasSubstr("layer digest does not match"));
}

TEST_P(UnpackLayer, WhatIsNoTarIsAnErrorNotAnEmptyLayer) {
  const std::string text = "#!/bin/sh\n";
  EXPECT_EQ(unpack(text, {.digest = "sha256:" + sha256_hex(text), .diff_id = ""}),
            "no type returned from DetectFileType?");
}

TEST_P(UnpackLayer, SiblingsOfTheSameLayerSurviveAnOpaqueMarkWhereverItStands) {
  lower.dir().make_sub("d");
  EXPECT_EQ(unpack({file("d/before", "1"), file("d/.wh..wh..opq", ""), file("d/after", "2")}), "no error");
  EXPECT_EQ(text("d/before"), "1");
  EXPECT_EQ(text("d/after"), "2");
  EXPECT_THAT(tree->opaque(), ElementsAre("d"));
  EXPECT_FALSE(tree->exists("d/.wh..wh..opq"));
}

TEST_P(UnpackLayer, AWhiteoutDoesNotHideTheFileOfItsOwnLayerInEitherOrder) {
  EXPECT_EQ(unpack({file("a", "1"), file(".wh.a", "")}), "no error");
  EXPECT_EQ(text("a"), "1");
}

TEST_P(UnpackLayer, ACharacterDeviceOfNumberZeroIsAWhiteout) {
  write_file(lower.dir(), "old", "", 0644);
  const auto zero = [](const char* name) { return test::Member{.name = name, .type = AE_IFCHR}; };
  EXPECT_EQ(unpack({zero("old"), zero("new")}), "no error");
  EXPECT_THAT(tree->names(), ElementsAre("old"));
}

TEST_P(UnpackLayer, BookkeepingIsSkippedAndBareWhiteoutsAreRefused) {
  EXPECT_EQ(unpack({dir(".wh..wh.plnk"), file(".wh..wh.plnk/1.2", ""), file(".wh..wh.aufs", "")}), "no error");
  EXPECT_TRUE(tree->names().empty());
  EXPECT_THAT(unpack({file("d/.wh.", "")}), HasSubstr("names no file"));
  EXPECT_THAT(unpack({file("d/.wh...", "")}), HasSubstr("names no file"));
}

TEST_P(UnpackLayer, HardLinksIntoLowerLayersCopyTheFileUp) {
  lower.dir().make_sub("bin", 0711);
  write_file(lower.dir(), "bin/tool", "the tool", 0751);
  EXPECT_EQ(unpack({hard_link("bin/alias", "/bin/tool")}), "no error");
  EXPECT_EQ(text("bin/tool"), "the tool");
  EXPECT_EQ(tree->look("bin/tool").inode, tree->look("bin/alias").inode);
  EXPECT_EQ(tree->look("bin/tool").links, 2U);
  EXPECT_EQ(tree->look("bin/tool").mode & 07777, 0751U);
  EXPECT_EQ(tree->look("bin").mode & 07777, 0711U);
}

TEST_P(UnpackLayer, HardLinksToWhatIsHiddenOrMissingAreRefused) {
  lower.dir().make_sub("d");
  write_file(lower.dir(), "d/f", "", 0644);
  EXPECT_THAT(unpack({file("d/.wh..wh..opq", ""), hard_link("x", "d/f")}), HasSubstr("does not exist"));
  EXPECT_THAT(unpack({hard_link("x", "nowhere")}), HasSubstr("does not exist"));
  EXPECT_THAT(unpack({hard_link("x", "../../etc/passwd")}), HasSubstr("\"..\""));
  EXPECT_THAT(unpack({file("y", ""), hard_link("y", "y")}), HasSubstr("hard link to itself"));
  EXPECT_THAT(unpack({dir("z"), hard_link("w", "z")}), HasSubstr("which is a directory"));
  EXPECT_THAT(unpack({file("v/f", ""), hard_link("v", "v/f")}), HasSubstr("in place of its own target"));
}

TEST_P(UnpackLayer, LinksInTheWayNeverLeadOutside) {
  EXPECT_EQ(unpack({symlink("out", "/tmp"), file("out/rkt-unpack-escape", "x")}), "no error");
  EXPECT_NE(::access("/tmp/rkt-unpack-escape", F_OK), 0);
  EXPECT_EQ(text("tmp/rkt-unpack-escape"), "x");
}

TEST_P(UnpackLayer, AFileOverALinkReplacesTheLinkAndNotItsTarget) {
  EXPECT_EQ(unpack({file("target", "kept"), symlink("l", "target"), file("l", "new")}), "no error");
  EXPECT_EQ(text("target"), "kept");
  EXPECT_EQ(text("l"), "new");
}

TEST(PlaceInLayout, TakesOnlyWhatALayoutConsistsOf) {
  EXPECT_EQ(place_in_layout({.name = "./index.json"}), "index.json");
  EXPECT_EQ(place_in_layout({.name = "blobs/sha256/ab"}), "blobs/sha256/ab");
  EXPECT_FALSE(place_in_layout({.name = "manifest.json"}));
  EXPECT_FALSE(place_in_layout({.type = Entry::Type::directory, .name = "blobs/sha256"}));
  EXPECT_THROW(place_in_layout({.name = "blobs/../../x"}), Error);
  EXPECT_THROW(place_in_layout({.name = "blobs/sha256/a/b"}), Error);
  EXPECT_THROW(place_in_layout({.type = Entry::Type::symlink, .name = "blobs/sha256/ab"}), Error);
}

TEST(UnpackLayout, RefusesAnArchiveWithoutIndex) {
  const TempDir to;
  const UniqueFd fd = file_of(tar_of({file("oci-layout", "{}")}));
  DirectoryTree tree(to.dir().clone(), false);
  Staging staging(tree, Staging::Kind::plain, Below());
  EXPECT_THAT(error_of([&] { unpack_layout(fd.get(), {}, staging); }), HasSubstr("no OCI image layout"));
}

}  // namespace
}  // namespace rkt::unpack
