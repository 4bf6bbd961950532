// SPDX-License-Identifier: Apache-2.0
#include "worker/fetch/fields.h"

#include <curl/curl.h>

#include <algorithm>

#include "base/strings.h"

namespace rkt::fetch {
namespace {

constexpr std::size_t kMaxFields = 500;

// rel=next, rel="next"; a comma may follow.
bool is_next(std::string_view parameter) {
  std::string text = lower(trim(parameter));
  std::erase_if(text, [](char c) { return c == '"' || c == ' ' || c == ','; });
  return text == "rel=next";
}

}  // namespace

std::string Head::field(std::string_view name) const {
  for (const auto& [known, value] : fields)
    if (known == name) return value;
  return {};
}

std::vector<std::string> Head::all(std::string_view name) const {
  std::vector<std::string> out;
  for (const auto& [known, value] : fields)
    if (known == name) out.push_back(value);
  return out;
}

std::optional<std::uint64_t> Head::content_length() const { return parse_int<std::uint64_t>(field("content-length")); }

void add_line(Head& head, std::string_view line) {
  if (line.starts_with("HTTP/")) {
    head.fields.clear();
    const auto parts = split(trim(line), ' ');
    head.status = parts.size() < 2 ? 0 : parse_int<long>(parts[1]).value_or(0);
    return;
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || head.fields.size() >= kMaxFields) return;
  head.fields.emplace_back(lower(trim(line.substr(0, colon))), trim(line.substr(colon + 1)));
}

std::int64_t max_age(const std::vector<std::string>& cache_control) {
  std::int64_t age = 0;
  for (const auto& line : cache_control)
    for (const auto part : split(line, ',')) {
      const std::string directive = lower(trim(part));
      const std::string_view name = trim(std::string_view(directive).substr(0, directive.find('=')));
      if (name == "no-store" || name == "no-cache") return 0;
      if (name != "max-age" || name.size() == directive.size()) continue;
      const auto number = trim(std::string_view(directive).substr(directive.find('=') + 1));
      if (number.starts_with('0') && number.size() > 1) continue;
      if (const auto n = parse_int<std::int64_t>(number)) age = std::max<std::int64_t>(*n, 0);
    }
  return age;
}

std::optional<ContentRange> parse_content_range(std::string_view value) {
  value = trim(value);
  constexpr std::string_view kUnit = "bytes ";
  if (lower(value.substr(0, kUnit.size())) != kUnit) return std::nullopt;
  value.remove_prefix(kUnit.size());
  const auto dash = value.find('-'), slash = value.find('/');
  if (dash == std::string_view::npos || slash == std::string_view::npos || slash < dash) return std::nullopt;
  const auto first = parse_int<std::uint64_t>(value.substr(0, dash));
  const auto last = parse_int<std::uint64_t>(value.substr(dash + 1, slash - dash - 1));
  if (!first || !last || *last < *first) return std::nullopt;
  ContentRange out{.first = *first, .last = *last, .total = {}};
  if (const auto total = value.substr(slash + 1); total != "*") {
    out.total = parse_int<std::uint64_t>(total);
    if (!out.total || *out.total <= out.last) return std::nullopt;
  }
  return out;
}

std::optional<std::chrono::seconds> parse_retry_after(std::string_view value, std::chrono::seconds cap,
                                                      std::time_t now) {
  using std::chrono::seconds;
  if (const auto count = parse_int<std::uint32_t>(trim(value))) return std::min(seconds(*count), cap);
  const std::time_t then = curl_getdate(std::string(value).c_str(), nullptr);
  if (then <= now) return std::nullopt;
  return std::min(seconds(then - now), cap);
}

std::string next_link(const std::vector<std::string>& links) {
  for (const std::string_view line : links)
    for (auto begin = line.find('<'); begin != std::string_view::npos;) {
      const auto end = line.find('>', begin);
      if (end == std::string_view::npos) break;
      const auto after = line.find('<', end);
      const auto parameters = line.substr(end + 1, after == std::string_view::npos ? after : after - end - 1);
      for (const auto parameter : split(parameters, ';'))
        if (is_next(parameter)) return std::string(line.substr(begin + 1, end - begin - 1));
      begin = after;
    }
  return {};
}

std::string resume_validator(const Head& head) {
  const std::string etag = head.field("etag");
  return etag.starts_with('"') ? etag : head.field("last-modified");
}

}  // namespace rkt::fetch
