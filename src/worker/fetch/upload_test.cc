// SPDX-License-Identifier: Apache-2.0
#include "worker/fetch/upload.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace rkt::fetch {
namespace {

TEST(UploadUrl, IsAbsoluteOrAPathOfTheSameServer) {
  EXPECT_EQ(upload_url("https://r:5000/v2/x/blobs/uploads/", "/v2/x/u?a=b"), "https://r:5000/v2/x/u?a=b");
  EXPECT_EQ(upload_url("https://r/v2/", "https://other/u"), "https://other/u");
  EXPECT_EQ(upload_url("http://r/v2/", "https://other/u"), "https://other/u");
}

TEST(UploadUrl, NeverLeadsFromHttpsToHttpOrNowhere) {
  EXPECT_THROW(upload_url("https://r/v2/", "http://r/u"), Error);
  EXPECT_THROW(upload_url("https://r/v2/", "//other/u"), Error);
  EXPECT_THROW(upload_url("https://r/v2/", ""), Error);
  EXPECT_THROW(upload_url("https://r/v2/", "u"), Error);
}

}  // namespace
}  // namespace rkt::fetch
