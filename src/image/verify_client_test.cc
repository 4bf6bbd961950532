// SPDX-License-Identifier: Apache-2.0
#include "image/verify_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace rkt::image {
namespace {

TEST(Refusal, IsUntrustedAndKeepsTheTextsOfTheReference) {
  const auto text = [](Verdict::Why why) {
    const Error e = refusal({.why = why});
    EXPECT_EQ(e.code(), Errc::untrusted);
    return e.cause();
  };
  EXPECT_EQ(text(Verdict::Why::unknown_issuer), "openpgp: signature made by unknown entity");
  EXPECT_EQ(text(Verdict::Why::no_signature), "keystore: no valid signatures found in signature file");
  EXPECT_THAT(text(Verdict::Why::expired_key), testing::HasSubstr("expired key"));
  EXPECT_THAT(text(Verdict::Why::weak_hash), testing::HasSubstr("weak digest"));
}

TEST(Verdict, IsNotGoodUnlessSomebodySaysSo) {
  EXPECT_FALSE(Verdict{}.good);
  EXPECT_NE(Verdict{}.why, Verdict::Why::ok);
}

TEST(VerifyDetached, RefusesAnOversizedSignatureWithoutAskingTheWorker) {
  const std::string huge((std::size_t{1} << 20) + 1, '\xc2');
  EXPECT_EQ(verify_detached(-1, huge, {}).why, Verdict::Why::no_signature);
  EXPECT_EQ(check_issuer(huge, {}).why, Verdict::Why::no_signature);
  EXPECT_THROW(inspect_keys(huge), Error);
}

}  // namespace
}  // namespace rkt::image
