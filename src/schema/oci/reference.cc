// SPDX-License-Identifier: Apache-2.0
// docker:// references (reference: images §4.1).
#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "schema/oci/image.h"

namespace rkt::oci {
namespace {

constexpr std::string_view kDefaultHost = "registry-1.docker.io";
constexpr std::size_t kMaxRepository = 255;

bool lower_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool hex_only(std::string_view s) { return s.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos; }

// Groups of lower-case letters and digits joined by one of . _ __ or any number of dashes.
bool is_component(std::string_view s) {
  if (s.empty() || !lower_alnum(s.front()) || !lower_alnum(s.back())) return false;
  for (std::size_t i = 0; i < s.size();) {
    if (lower_alnum(s[i])) {
      ++i;
      continue;
    }
    const auto end = std::find_if(s.begin() + static_cast<std::ptrdiff_t>(i), s.end(), lower_alnum);
    const std::string_view gap = s.substr(i, static_cast<std::size_t>(end - s.begin()) - i);
    if (gap != "." && gap != "_" && gap != "__" && gap.find_first_not_of('-') != std::string_view::npos) return false;
    i += gap.size();
  }
  return true;
}

bool is_tag(std::string_view s) {
  const auto word = [](char c) { return lower_alnum(c) || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !s.empty() && s.size() <= 128 && word(s[0]) &&
         std::all_of(s.begin(), s.end(), [&](char c) { return word(c) || c == '.' || c == '-'; });
}

// HOST or HOST:PORT, also [v6]:PORT. Nothing of it may change the meaning of a URL.
bool is_host(std::string_view s) {
  const auto colon = s.starts_with('[') ? s.find("]:") : s.find(':');
  std::string_view host = s, port;
  if (colon != std::string_view::npos) {
    const std::size_t at = s.starts_with('[') ? colon + 1 : colon;
    host = s.substr(0, at);
    port = s.substr(at + 1);
    if (!parse_int<std::uint16_t>(port)) return false;
  }
  return !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
    return lower_alnum(c) || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' || c == '_' || c == '[' || c == ']' ||
           c == ':';
  });
}

bool names_a_host(std::string_view component) {
  return component.find_first_of(".:") != std::string_view::npos || component == "localhost" ||
         component.starts_with('[');
}

void check_repository(std::string_view repository, const auto& fail) {
  for (const auto part : split(repository, '/')) {
    if (std::any_of(part.begin(), part.end(), [](char c) { return c >= 'A' && c <= 'Z'; }))
      throw fail("invalid reference format: repository name must be lowercase");
    if (!is_component(part)) throw fail("invalid reference format");
  }
}

}  // namespace

Reference Reference::parse(std::string_view text) {
  const auto fail = [&](std::string_view why) {
    return Error(Errc::invalid,
                 cat("docker distribution creation error: bad docker URL ", quoted(cat("docker://", text)), ": ", why));
  };
  Reference r;
  std::string_view rest = text;
  if (const auto at = rest.find('@'); at != std::string_view::npos) {
    r.digest = rest.substr(at + 1);
    rest = rest.substr(0, at);
    try {
      check_digest_syntax(r.digest);
    } catch (const Error& e) {
      throw fail(e.cause());
    }
  }
  const auto slash = rest.find('/');
  if (slash != std::string_view::npos && names_a_host(rest.substr(0, slash))) {
    r.typed_host = rest.substr(0, slash);
    rest = rest.substr(slash + 1);
    if (!is_host(r.typed_host)) throw fail("invalid reference format");
  } else {
    r.typed_host = kDefaultHost;
  }
  if (const auto colon = rest.find_last_of(':'); colon != std::string_view::npos) {
    r.tag = rest.substr(colon + 1);
    rest = rest.substr(0, colon);
    if (!is_tag(r.tag)) throw fail("invalid reference format");
  }
  if (rest.empty()) throw fail("invalid reference format");
  if (rest.size() == 64 && hex_only(rest)) throw fail("cannot specify 64-byte hexadecimal strings");
  check_repository(rest, fail);
  const std::string host = lower(r.typed_host);
  const bool hub = host == kDefaultHost || host == "docker.io" || host == "index.docker.io";
  r.host = hub ? std::string(kDefaultHost) : r.typed_host;
  r.repository = rest;
  if (r.host == kDefaultHost && r.repository.find('/') == std::string::npos)
    r.repository = cat("library/", r.repository);
  if (r.repository.size() > kMaxRepository)
    throw fail(cat("repository name must not be more than ", kMaxRepository, " characters"));
  if (!r.digest.empty()) r.tag.clear();
  if (r.digest.empty() && r.tag.empty()) r.tag = "latest";
  return r;
}

}  // namespace rkt::oci
