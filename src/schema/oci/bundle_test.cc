// SPDX-License-Identifier: Apache-2.0
#include "schema/oci/bundle.h"

#include <gtest/gtest.h>

#include "base/base64.h"
#include "base/error.h"
#include "base/strings.h"

namespace rkt::oci {
namespace {

constexpr std::string_view kType = "application/vnd.dev.sigstore.bundle.v0.3+json";
constexpr std::string_view kKey = R"({"publicKey":{"hint":"x"}})";
const std::string kAs(64, 'a');

std::string bundle(std::string_view material, std::string_view content, std::string_view type = kType) {
  return cat(R"({"mediaType":")", type, R"(","verificationMaterial":)", material, ",", content, "}");
}

std::string envelope(std::string_view signatures) {
  return cat(R"("dsseEnvelope":{"payload":")", base64_encode("{}"),
             R"(","payloadType":"application/vnd.in-toto+json","signatures":)", signatures, "}");
}

TEST(Bundle, WithAnEnvelopeIsRead) {
  const Bundle got = parse_bundle(bundle(kKey, envelope(R"([{"sig":"c2ln","keyid":""}])")));
  EXPECT_TRUE(got.envelope);
  EXPECT_FALSE(got.certificate);
  EXPECT_EQ(got.signature, "sig");
  EXPECT_EQ(got.payload, "{}");
  EXPECT_EQ(got.payload_type, "application/vnd.in-toto+json");
}

TEST(Bundle, WithAMessageSignatureIsRead) {
  const Bundle got = parse_bundle(bundle(
      kKey, R"("messageSignature":{"messageDigest":{"algorithm":"SHA2_256","digest":"AA=="},"signature":"c2ln"})"));
  EXPECT_FALSE(got.envelope);
  EXPECT_EQ(got.signature, "sig");
}

TEST(Bundle, OfAnElderVersionIsReadAndOfAnUnknownOneIsNot) {
  const std::string content = R"("messageSignature":{"signature":"c2ln"})";
  EXPECT_EQ(parse_bundle(bundle(kKey, content, "application/vnd.dev.sigstore.bundle+json;version=0.1")).signature,
            "sig");
  EXPECT_THROW(parse_bundle(bundle(kKey, content, "application/vnd.dev.sigstore.bundle.v0.4+json")), Error);
  EXPECT_TRUE(is_bundle_type("application/vnd.dev.sigstore.bundle.v0.4+json"));
  EXPECT_FALSE(is_bundle_type("application/vnd.oci.image.manifest.v1+json"));
}

TEST(Bundle, WithACertificateSaysSo) {
  const std::string content = R"("messageSignature":{"signature":"c2ln"})";
  EXPECT_TRUE(parse_bundle(bundle(R"({"certificate":{"rawBytes":"AA=="}})", content)).certificate);
  EXPECT_TRUE(parse_bundle(bundle(R"({"x509CertificateChain":{"certificates":[]}})", content)).certificate);
}

TEST(Bundle, ThatIsMalformedIsRefused) {
  const std::string one = R"([{"sig":"c2ln"}])";
  for (const std::string& bad :
       {std::string("{}"), std::string("[]"), bundle("{}", envelope(one)), bundle(kKey, R"("x":1)"),
        bundle(kKey, envelope("[]")), bundle(kKey, envelope(R"([{"sig":"c2ln"},{"sig":"c2ln"}])")),
        bundle(kKey, envelope(R"([{"sig":""}])")), bundle(kKey, envelope(R"([{"sig":"no base64!"}])")),
        bundle(kKey, cat(envelope(one), R"(,"messageSignature":{"signature":"c2ln"})"))})
    EXPECT_THROW(parse_bundle(bad), Error) << bad;
}

TEST(Envelope, IsSignedWithItsTypeAndLengths) {
  EXPECT_EQ(envelope_bytes("http://example.com/HelloWorld", "hello world"),
            "DSSEv1 29 http://example.com/HelloWorld 11 hello world");  // the example of the DSSE protocol
  EXPECT_EQ(envelope_bytes("", ""), "DSSEv1 0  0 ");
}

TEST(Statement, NamesItsSubjectsByDigest) {
  const Statement got = parse_statement(cat(
      R"({"_type":"https://in-toto.io/Statement/v1","predicateType":"p","subject":[{"name":"n","digest":{"sha256":")",
      kAs, R"(","gitCommit":"zz"}},{"digest":{}}]})"));
  EXPECT_EQ(got.predicate_type, "p");
  ASSERT_EQ(got.subjects.size(), 2U);
  EXPECT_EQ(got.subjects[0].name, "n");
  EXPECT_EQ(got.subjects[0].digests, std::vector<std::string>{cat("sha256:", kAs)});
  EXPECT_EQ(got.subjects[1].name, "");
}

TEST(Statement, ThatIsMalformedIsRefused) {
  const std::string v1 = R"("_type":"https://in-toto.io/Statement/v1")";
  for (const std::string& bad :
       {std::string("{}"), std::string(R"({"_type":"x","predicateType":"p"})"), cat("{", v1, "}"),
        cat("{", v1, R"(,"predicateType":"p","subject":[{"digest":{"sha256":"12"}}]})"),
        cat("{", v1, R"(,"predicateType":"p","subject":[{}]})")})
    EXPECT_THROW(parse_statement(bad), Error) << bad;
}

}  // namespace
}  // namespace rkt::oci
