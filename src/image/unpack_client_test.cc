// SPDX-License-Identifier: Apache-2.0
#include "image/unpack_client.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "sys/file.h"
#include "sys/tempdir.h"

namespace rkt::image {
namespace {

TEST(UnpackClient, RefusesEncryptedLayersBeforeAnythingIsStarted) {
  const TempDir root;
  const UniqueFd file = memory_file("layer", "");
  const OciLayer layer{.file = file.get(), .media_type = "application/vnd.oci.image.layer.v1.tar+gzip+encrypted"};
  try {
    const Unpacking started(layer, {.directory = &root.dir(), .uuid = {}}, {});
    FAIL() << "accepted";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Errc::unsupported);
    EXPECT_NE(e.brief().find("is encrypted"), std::string::npos);
  }
}

}  // namespace
}  // namespace rkt::image
