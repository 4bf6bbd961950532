// SPDX-License-Identifier: Apache-2.0
#include "worker/fetch/url.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "worker/fetch/protocol.h"

namespace rkt::fetch {
namespace {

constexpr std::size_t kMaxUrl = 16384;  // signed locations of blobs are long

bool is_odd(char c) noexcept {
  const auto u = static_cast<unsigned char>(c);
  return u <= 0x20 || u == 0x7f || c == '\\' || c == '"' || c == '<' || c == '>';
}

// Without the brackets of an IPv6 address a colon begins the port.
std::optional<std::string_view> port_of(std::string_view authority) {
  const auto bracket = authority.rfind(']');
  const auto colon = authority.rfind(':');
  if (colon == std::string_view::npos || (bracket != std::string_view::npos && colon < bracket)) return std::nullopt;
  return authority.substr(colon + 1);
}

}  // namespace

std::string Url::origin() const {
  std::string out = cat(scheme, "://", authority);
  if (!port_of(authority)) out += tls() ? ":443" : ":80";
  return out;
}

Url parse_url(std::string_view url) {
  if (url.size() > kMaxUrl || std::any_of(url.begin(), url.end(), is_odd))
    throw Error(Errc::invalid, cat("malformed URL ", quoted(url.substr(0, 200))));
  const auto end = url.find("://");
  if (end == std::string_view::npos) throw Error(Errc::invalid, cat("no URL: ", quoted(url)));
  Url out{.scheme = lower(url.substr(0, end)), .authority = {}};
  if (out.scheme != "http" && out.scheme != "https")
    throw Error(Errc::unsupported, cat("unsupported protocol scheme ", quoted(out.scheme)));
  const auto rest = url.substr(end + 3);
  auto authority = rest.substr(0, rest.find_first_of("/?#"));
  if (const auto at = authority.rfind('@'); at != std::string_view::npos) authority.remove_prefix(at + 1);
  const auto port = port_of(authority);
  if (authority.empty() || authority.front() == ':' || (port && !parse_int<std::uint16_t>(*port)))
    throw Error(Errc::invalid, cat("malformed URL ", quoted(shown_url(url))));
  out.authority = lower(authority);
  return out;
}

std::string shown_url(std::string_view url) {
  url = url.substr(0, url.find_first_of("?#"));
  const auto end = url.find("://");
  const auto begin = end == std::string_view::npos ? 0 : end + 3;
  const auto authority = url.substr(begin, url.substr(begin).find('/'));
  const auto at = authority.rfind('@');
  if (at == std::string_view::npos) return std::string(url);
  return cat(url.substr(0, begin), url.substr(begin + at + 1));
}

std::string with_query(std::string_view url, std::string_view parameters) {
  const auto fragment = url.find('#');
  const auto base = url.substr(0, fragment);
  return cat(base, base.find('?') == std::string_view::npos ? "?" : "&", parameters);
}

bool spares_port(std::string_view list, const Url& url) {
  const std::string origin = url.origin();
  const std::size_t colon = origin.rfind(':'), start = origin.find("://") + 3;
  const std::string_view host = std::string_view(origin).substr(start, colon - start);
  const std::string_view port = std::string_view(origin).substr(colon);
  return std::ranges::any_of(split(list, ','), [&](std::string_view piece) {
    const std::string entry = lower(trim(piece));
    if (entry.size() <= port.size() || !entry.ends_with(port)) return false;
    std::string_view name = std::string_view(entry).substr(0, entry.size() - port.size());
    if (name.starts_with("*.")) name.remove_prefix(1);
    if (name.starts_with('.')) return host.ends_with(name);
    return host == name || host.ends_with(cat(".", name));
  });
}

}  // namespace rkt::fetch
