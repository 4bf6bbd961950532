// SPDX-License-Identifier: Apache-2.0
// One Get through its attempts: each is a fresh handle of libcurl; connections live in the multi handle (engine.cc).
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <cstdint>
#include <exception>
#include <string>

#include "base/scope.h"
#include "worker/fetch/authorities.h"
#include "worker/fetch/engine.h"
#include "worker/fetch/session.h"
#include "worker/fetch/url.h"

namespace rkt::fetch {

using Clock = std::chrono::steady_clock;
using Easy = Owned<CURL, &curl_easy_cleanup>;
using Lines = Owned<curl_slist, &curl_slist_free_all>;

/// Has an address that libcurl knows: neither copied nor moved.
struct Transfer {
  Get* get = nullptr;     ///< borrowed
  std::size_t index = 0;  ///< among those of one call

  std::string url;  ///< of this attempt
  int redirects = 0, retries = 0;
  bool all_tls = true;
  Clock::time_point due{};    ///< not before
  Clock::time_point heard{};  ///< the last sign of life
  /// Offsets in what is fetched, over all attempts: where this one is, the furthest, and that of the last failure.
  std::uint64_t position = 0, furthest = 0, furthest_at_loss = 0;
  std::uint64_t sent = 0;  ///< of get->file

  Easy easy;
  Lines lines;
  char why[CURL_ERROR_SIZE] = "";
  Head head;
  bool head_complete = false, wanted = false, declined = false;
  std::size_t unwanted = 0;
  std::exception_ptr failure;  ///< what a callback threw: it must not cross the library

  Transfer(Get& g, std::size_t i) : get(&g), index(i) { restart(); }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  void restart() {
    url = get->url;
    redirects = 0;
    all_tls = true;
  }
  bool same_origin() const { return parse_url(url).origin() == parse_url(get->url).origin(); }

  /// A handle for the next attempt. Throws.
  void prepare(const Session& session, Authorities& authorities);
  bool is_redirected() const;  ///< whether its answer is followed
  void follow();               ///< throws where that leads nowhere
  bool plan_retry();           ///< false: tried often enough

 private:
  void set_up_body();
  void set_up_tls(bool insecure, const Access& access, Authorities& authorities);
  void finish_head();
  static std::size_t on_header(const char* data, std::size_t size, std::size_t count, void* self) noexcept;
  static std::size_t on_bytes(const char* data, std::size_t size, std::size_t count, void* self) noexcept;
  static std::size_t on_read(char* buffer, std::size_t size, std::size_t count, void* self) noexcept;
  static int on_seek(void* self, curl_off_t offset, int origin) noexcept;
};

}  // namespace rkt::fetch
