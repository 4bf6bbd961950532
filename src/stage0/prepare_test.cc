// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/error.h"
#include "pod/for_test.h"
#include "stage0/stage0.h"

namespace rkt::stage0 {
namespace {
using testing::ElementsAre;
using testing::IsEmpty;

class MakePod : public pod::PodsForTest {};

TEST_F(MakePod, IsPreparingWhileItsMakerLives) {
  std::optional<NewPod> made = make_pod(pods, "");
  EXPECT_EQ(pod::Pod::open(pods, made->id).state(), pod::State::preparing);
  const Uuid id = made->id;
  made.reset();
  EXPECT_EQ(pod::Pod::open(pods, id).state(), pod::State::aborted_prepare);
}

TEST_F(MakePod, ItsUuidIsSavedWithoutANewline) {
  const std::string file = tmp.path() + "/uuid";
  write_file(tmp.dir(), "uuid", std::string(100, 'x'), 0644);  // an older file is replaced
  const NewPod made = make_pod(pods, file);
  EXPECT_EQ(read_file(file), made.id.str());
}

TEST_F(MakePod, AUuidThatCannotBeSavedEndsItBeforeAnythingElse) {
  EXPECT_THAT(error_of([&] { make_pod(pods, tmp.path() + "/missing/uuid"); }),
              testing::StartsWith("error saving pod UUID to file: "));
  EXPECT_THAT(error_of([&] { make_pod(pods, "/dev/full"); }), testing::StartsWith("error saving pod UUID to file: "));
  for (const auto* place : {"embryo", "prepare"}) EXPECT_THAT(pods.list_place(place), IsEmpty()) << place;
}

TEST_F(MakePod, TwoPodsDiffer) { EXPECT_NE(make_pod(pods, "").id, make_pod(pods, "").id); }

TEST(ImageIds, AreThoseThatThePodManifestNames) {
  EXPECT_THAT(image_ids(R"({"acVersion":"0.8.11","acKind":"PodManifest","apps":[
      {"name":"a","image":{"id":"sha512-aa"}},{"name":"b","image":{"id":"sha512-bb"}}]})"),
              ElementsAre("sha512-aa", "sha512-bb"));
}

TEST(ImageIds, AManifestThatIsNoneIsAnErrorOfStage0) {
  for (const auto* bad : {"", "{}", R"({"acVersion":"0.8.11","acKind":"ImageManifest"})"}) {
    try {
      image_ids(bad);
      ADD_FAILURE() << bad;
    } catch (const Error& e) {
      EXPECT_THAT(e.brief(), testing::StartsWith("error setting up stage0: "));
    }
  }
}

}  // namespace
}  // namespace rkt::stage0
