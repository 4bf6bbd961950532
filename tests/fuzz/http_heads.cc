// SPDX-License-Identifier: Apache-2.0
// The head of an HTTP answer: lines, fields with a grammar of their own, challenges, and the URLs in them.
#include "base/strings.h"
#include "tests/fuzz/fuzz.h"
#include "worker/fetch/challenge.h"
#include "worker/fetch/fields.h"
#include "worker/fetch/url.h"

void fuzz_one(std::string_view bytes) {
  using namespace rkt::fetch;
  using rkt::fuzz::require;
  rkt::fuzz::tolerate([&] {
    Head head;
    for (const auto line : rkt::split(bytes, '\n')) add_line(head, line);
    head.content_length();
    resume_validator(head);
    require(max_age(head.all("cache-control")) >= 0);
  });
  rkt::fuzz::tolerate([&] { parse_challenges(bytes); });
  rkt::fuzz::tolerate([&] { require(max_age({std::string(bytes)}) >= 0); });
  rkt::fuzz::tolerate([&] {
    const auto range = parse_content_range(bytes);
    if (range) require(range->first <= range->last && (!range->total || range->last < *range->total));
  });
  rkt::fuzz::tolerate([&] {
    const auto after = parse_retry_after(bytes, std::chrono::seconds(60), 946684800);
    if (after) require(after->count() >= 0 && after->count() <= 60);
  });
  rkt::fuzz::tolerate([&] { rkt::shown_url(bytes); });
  rkt::fuzz::tolerate([&] {
    const auto url = parse_url(bytes);
    require(url.scheme == "http" || url.scheme == "https");
    require(!url.authority.empty() && url.authority.find_first_of("@/?#\\ ") == std::string::npos);
    url.origin();
    with_query(bytes, "a=b");
  });
}
