// SPDX-License-Identifier: Apache-2.0
#include "worker/fetch/authorities.h"

#include <gtest/gtest.h>

#include "base/scope.h"
#include "base/strings.h"
#include "worker/fetch/server_for_test.h"

namespace rkt::fetch {
namespace {

CURLcode connect(const std::string& url, Authorities& authorities) {
  const Owned<CURL, &curl_easy_cleanup> easy(curl_easy_init());
  curl_easy_setopt(easy.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy.get(), CURLOPT_NOPROXY, "*");
  authorities.use_for(easy.get());
  return curl_easy_perform(easy.get());
}

TEST(Authorities, AreNotReadForAServerWithoutTls) {
  TestServer server([](const std::string& /*request*/) { return "HTTP/1.1 400 Bad Request\r\n\r\n"; });
  Authorities authorities("");
  EXPECT_EQ(connect(cat("https://", server.host(), "/"), authorities), CURLE_SSL_CONNECT_ERROR);
  EXPECT_FALSE(authorities.were_read());
}

}  // namespace
}  // namespace rkt::fetch
