// SPDX-License-Identifier: Apache-2.0
#include "image/fetch_client.h"

#include <gtest/gtest.h>

namespace rkt::image {
namespace {

TEST(FetchClient, StartsNothingForNoBlobs) {
  FetchClient client({}, [](const Progress&) { FAIL() << "progress of nothing"; });
  client.blobs({}, [](std::size_t) { FAIL() << "done with nothing"; });
}

TEST(FetchClient, CanBeMoved) {
  FetchClient client({.insecure_tls = true}, {});
  FetchClient moved = std::move(client);
  moved.blobs({}, [](std::size_t) {});
}

}  // namespace
}  // namespace rkt::image
