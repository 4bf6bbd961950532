// SPDX-License-Identifier: Apache-2.0
// The head of an answer and the header fields that mean something here. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rkt::fetch {

struct Head {
  long status = 0;
  std::string url;                                          ///< of this answer, after redirects
  bool over_tls = false;                                    ///< this and every hop before it
  std::vector<std::pair<std::string, std::string>> fields;  ///< names in lower case
  std::string refusal;                                      ///< what an answer that nobody wants begins with, bounded

  std::string field(std::string_view name) const;  ///< the first of that name, or ""
  std::vector<std::string> all(std::string_view name) const;
  std::optional<std::uint64_t> content_length() const;
};

/// Takes in one line of a head: a status line clears what was there (1xx answers, proxies).
void add_line(Head& head, std::string_view line);

/// Seconds an answer may be used without asking. no-store and no-cache win wherever they stand; then the last max-age
/// that is a number without leading zeros.
std::int64_t max_age(const std::vector<std::string>& cache_control);

/// "bytes FIRST-LAST/TOTAL"; TOTAL may be "*". nullopt: anything else, or numbers that contradict each other.
struct ContentRange {
  std::uint64_t first = 0, last = 0;
  std::optional<std::uint64_t> total;
};
std::optional<ContentRange> parse_content_range(std::string_view value);

/// Retry-After, as seconds or as a date after `now`, at most `cap`; nullopt: neither.
std::optional<std::chrono::seconds> parse_retry_after(std::string_view value, std::chrono::seconds cap,
                                                      std::time_t now);

/// The target of the link to what comes next (RFC 8288), as it is written; "": there is none.
std::string next_link(const std::vector<std::string>& links);

/// What If-Range may carry: a strong ETag, else Last-Modified, else "".
std::string resume_validator(const Head& head);

}  // namespace rkt::fetch
