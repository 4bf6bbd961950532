// SPDX-License-Identifier: Apache-2.0
#include "image/dependencies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/strings.h"

namespace rkt::image {
namespace {

TEST(WithHostLabels, FillsOnlyWhatIsMissing) {
  const auto plain = with_host_labels(appc::AppString::parse("example.com/a"));
  EXPECT_EQ(plain.labels.at("os"), appc::host_os());
  EXPECT_EQ(plain.labels.at("arch"), appc::host_arch());
  EXPECT_THROW(with_host_labels(appc::AppString::parse("example.com/a,os=plan9")), Error);
}

TEST(RequestOf, CarriesTheLabelsOfTheDependency) {
  appc::Dependency d;
  d.image_name = "example.com/base";
  d.labels = {{"version", "2"}};
  EXPECT_EQ(request_of(d).labels.at("version"), "2");
  EXPECT_EQ(request_of(d).labels.at("os"), "linux");
}

TEST(CheckDependency, HoldsWhatIsPinned) {
  store::ImageRecord found;
  found.key = cat("sha512-", std::string(64, 'a'));
  found.size = 100;
  appc::Dependency d;
  d.image_name = "example.com/base";
  EXPECT_NO_THROW(check_dependency(d, found, 0));
  d.image_id = appc::ImageId::parse("sha512-aaaa");
  EXPECT_NO_THROW(check_dependency(d, found, 0)) << "a prefix counts";
  d.image_id = appc::ImageId::from_digest(std::string(128, 'a'));
  EXPECT_NO_THROW(check_dependency(d, found, 0)) << "the whole ID is longer than a key";
  d.image_id = appc::ImageId::parse("sha512-bb");
  EXPECT_THROW(check_dependency(d, found, 0), Error);
}

TEST(CheckDependency, SizeIsThatOfTheFileOrOfTheTar) {
  store::ImageRecord found;
  found.key = cat("sha512-", std::string(64, 'a'));
  found.size = 100;
  appc::Dependency d;
  d.size = 100;
  EXPECT_NO_THROW(check_dependency(d, found, 40));
  d.size = 40;
  EXPECT_NO_THROW(check_dependency(d, found, 40));
  EXPECT_THROW(check_dependency(d, found, 41), Error);
}

}  // namespace
}  // namespace rkt::image
