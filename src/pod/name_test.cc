// SPDX-License-Identifier: Apache-2.0
#include "pod/name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "pod/for_test.h"

namespace rkt::pod {
namespace {

TEST(PodName, IsAWordThatIsNoUuid) {
  for (const char* good : {"web", "db", "cafe", "deadbee", "a-b-2", "deadbeefs"})
    EXPECT_EQ(PodName::parse(good).str(), good);
  for (const char* bad :
       {"", "Web", "-a", "a_b", "a/b", "deadbeef", "0123-4567-89", "6733c088-a507-4694-aabf-edbe4fc5266f"})
    EXPECT_THROW(PodName::parse(bad), Error) << bad;
  EXPECT_THROW(PodName::parse(std::string(65, 'x')), Error);
}

}  // namespace
}  // namespace rkt::pod
