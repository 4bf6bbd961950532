// SPDX-License-Identifier: Apache-2.0
#include "worker/metadata/api.h"

#include <gtest/gtest.h>

#include "base/base64.h"
#include "base/strings.h"

namespace rkt::metadata {
namespace {

const std::string kUuid = "11111111-2222-3333-4444-555555555555", kOther = "aaaaaaaa-2222-3333-4444-555555555555";

std::string pod_manifest() {
  return cat(R"({"acVersion":"0.8.11","acKind":"PodManifest","apps":[{"name":"web","image":{"id":"sha512-)",
             std::string(128, 'a'), R"("},"annotations":[{"name":"color","value":"red"}]}],)",
             R"("annotations":[{"name":"example.com/owner","value":"me"}]})");
}
const std::string kImage = R"({"acKind":"ImageManifest","acVersion":"0.8.11","name":"example.com/web",)"
                           R"("annotations":[{"name":"color","value":"blue"},{"name":"size","value":"1"}]})";

Request request(std::string method, std::string path, std::string body = {}) {
  return {.method = std::move(method), .path = std::move(path), .query = {}, .form = {}, .body = std::move(body)};
}

class MetadataApi : public ::testing::Test {
 protected:
  Reply put_pod(const std::string& uuid, const std::string& token, const std::string& manifest = pod_manifest()) {
    Request r = request("PUT", cat("/pods/", uuid), manifest);
    if (!token.empty()) r.query["token"] = token;
    return answer_rkt(registry_, r);
  }
  void SetUp() override {
    ASSERT_EQ(put_pod(kUuid, "secret").status, 200U);
    ASSERT_EQ(answer_rkt(registry_, request("PUT", cat("/pods/", kUuid, "/web"), kImage)).status, 200U);
  }
  Reply get(const std::string& rest, const std::string& token = "secret") {
    return answer_pod(registry_, signer_, request("GET", cat("/", token, "/acMetadata/v1/", rest)));
  }
  Reply post(const std::string& rest, std::map<std::string, std::string, std::less<>> form,
             const std::string& token = "secret") {
    Request r = request("POST", cat("/", token, "/acMetadata/v1/pod/hmac/", rest));
    r.form = std::move(form);
    return answer_pod(registry_, signer_, r);
  }
  Registry registry_;
  Signer signer_;
};

TEST_F(MetadataApi, TellsAPodAboutItself) {
  EXPECT_EQ(get("pod/uuid").body, kUuid);
  EXPECT_EQ(get("pod/manifest").body, pod_manifest());
  EXPECT_TRUE(get("pod/manifest").json);
  EXPECT_EQ(get("pod/annotations").body, R"([{"name":"example.com/owner","value":"me"}])");
  EXPECT_EQ(get("pod/annotations/example.com/owner").body, "me");
  EXPECT_EQ(get("pod/annotations/other").status, 404U);
  EXPECT_EQ(get("pod/annotations/Not_Valid").status, 400U);
}

TEST_F(MetadataApi, TellsAPodAboutItsApps) {
  EXPECT_EQ(get("apps/web/image/manifest").body, kImage);
  EXPECT_EQ(get("apps/web/image/id").body, cat("sha512-", std::string(128, 'a')));
  EXPECT_EQ(get("apps/web/annotations").body, R"([{"name":"color","value":"red"},{"name":"size","value":"1"}])");
  EXPECT_EQ(get("apps/web/annotations/color").body, "red");
  EXPECT_EQ(get("apps/db/image/id").status, 404U);
  EXPECT_EQ(get("apps/web").status, 404U);
}

TEST_F(MetadataApi, KnowsNobodyWithoutAToken) {
  for (const char* token : {"", "wrong", "secre", "secret2"}) EXPECT_EQ(get("pod/uuid", token).status, 401U) << token;
  EXPECT_EQ(post("verify", {{"uuid", kUuid}}, "wrong").status, 401U);
}

TEST_F(MetadataApi, VouchesForPods) {
  const std::string signature = post("sign", {{"content", "hello"}}).body;
  EXPECT_EQ(base64_decode(signature).value().size(), 64U);
  ASSERT_EQ(put_pod(kOther, "other").status, 200U);
  EXPECT_EQ(post("verify", {{"uuid", kUuid}, {"content", "hello"}, {"signature", signature}}, "other").status, 200U);
  EXPECT_EQ(post("verify", {{"uuid", kUuid}, {"content", "hallo"}, {"signature", signature}}).status, 403U);
  EXPECT_EQ(post("verify", {{"uuid", kOther}, {"content", "hello"}, {"signature", signature}}).status, 403U);
}

TEST_F(MetadataApi, SaysWhatIsMissingInAForm) {
  EXPECT_EQ(post("sign", {}).body, "content form value not found\n");
  EXPECT_EQ(post("verify", {{"uuid", "x"}}).body, "uuid field missing or malformed\n");
  EXPECT_EQ(post("verify", {{"uuid", kUuid}}).body, "content field missing\n");
  EXPECT_EQ(post("verify", {{"uuid", kUuid}, {"content", ""}, {"signature", "!"}}).body,
            "signature field missing or corrupt\n");
  EXPECT_EQ(get("pod/hmac/sign").status, 405U);
}

TEST_F(MetadataApi, ReplacesAPodAndItsToken) {
  ASSERT_EQ(put_pod(kUuid, "new").status, 200U);
  EXPECT_EQ(get("pod/uuid").status, 401U);
  EXPECT_EQ(get("pod/uuid", "new").body, kUuid);
}

TEST_F(MetadataApi, RefusesBadRegistrations) {
  EXPECT_EQ(put_pod(kOther, "").body, "token missing\n");
  EXPECT_EQ(put_pod(kOther, "secret").body, "token belongs to another pod\n");
  EXPECT_EQ(put_pod("x", "t").body, "UUID is missing or malformed: \"x\"\n");
  EXPECT_TRUE(put_pod(kOther, "t", "{").body.starts_with("JSON-decoding failed: "));
  EXPECT_EQ(answer_rkt(registry_, request("PUT", cat("/pods/", kOther, "/web"), kImage)).status, 404U);
  EXPECT_EQ(answer_rkt(registry_, request("PUT", cat("/pods/", kUuid, "/We b"), kImage)).status, 400U);
  EXPECT_EQ(answer_rkt(registry_, request("GET", cat("/pods/", kUuid))).status, 405U);
}

TEST_F(MetadataApi, ForgetsAPod) {
  EXPECT_EQ(answer_rkt(registry_, request("DELETE", cat("/pods/", kUuid))).status, 200U);
  EXPECT_EQ(get("pod/uuid").status, 401U);
  EXPECT_EQ(answer_rkt(registry_, request("DELETE", cat("/pods/", kUuid))).status, 404U);
}

TEST(MetadataLog, HasNoToken) {
  EXPECT_EQ(without_token("/0123/acMetadata/v1/pod/uuid"), "/*/acMetadata/v1/pod/uuid");
  EXPECT_EQ(without_token("/0123"), "/*");
  EXPECT_EQ(without_token(""), "/*");
}

}  // namespace
}  // namespace rkt::metadata
