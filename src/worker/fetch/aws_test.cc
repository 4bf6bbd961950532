// SPDX-License-Identifier: Apache-2.0
#include "worker/fetch/aws.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rkt::fetch {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

// The examples of "Authenticating Requests: Using the Authorization Header" in the S3 API reference.
const AwsKey kExample{.id = "AKIAIOSFODNN7EXAMPLE", .secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", .region = ""};
const auto kThen = std::chrono::system_clock::from_time_t(1369353600);  // 2013-05-24T00:00:00Z

std::string authorization(const char* url, const std::vector<std::string>& fields = {}) {
  return aws_headers(kExample, url, fields, kThen).back();
}

TEST(AwsSignature, IsThatOfThePublishedExamples) {
  EXPECT_EQ(authorization("https://examplebucket.s3.amazonaws.com/test.txt", {"Range: bytes=0-9"}),
            "Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
            "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
            "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
  EXPECT_THAT(authorization("https://examplebucket.s3.amazonaws.com?lifecycle"),
              EndsWith("Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"));
  EXPECT_THAT(authorization("https://examplebucket.s3.amazonaws.com/?prefix=J&max-keys=2"),
              EndsWith("Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
}

TEST(AwsSignature, SeesThroughTheWayAUrlIsWritten) {
  EXPECT_EQ(authorization("https://b.s3.amazonaws.com/a+b/c"), authorization("https://b.s3.amazonaws.com/a%2Bb/%63#x"));
  EXPECT_EQ(authorization("https://b.s3.amazonaws.com/x"), authorization("https://b.s3.amazonaws.com:443/x"));
  EXPECT_NE(authorization("https://b.s3.amazonaws.com/x"), authorization("https://b.s3.amazonaws.com:444/x"));
}

TEST(AwsRegion, IsToldByTheHostName) {
  EXPECT_EQ(aws_region("b.s3.amazonaws.com"), "us-east-1");
  EXPECT_EQ(aws_region("b.s3-external-1.amazonaws.com"), "us-east-1");
  EXPECT_EQ(aws_region("s3-eu-west-1.amazonaws.com"), "eu-west-1");
  EXPECT_EQ(aws_region("b.s3-eu-west-1.amazonaws.com:443"), "eu-west-1");
  EXPECT_EQ(aws_region("b.s3.eu-central-1.amazonaws.com"), "eu-central-1");
  EXPECT_EQ(aws_region("minio.example.com"), "us-east-1");
  EXPECT_THAT(aws_headers({.id = "i", .secret = "s", .region = "mars"}, "https://h/", {}, kThen).back(),
              HasSubstr("/mars/s3/"));
}

}  // namespace
}  // namespace rkt::fetch
