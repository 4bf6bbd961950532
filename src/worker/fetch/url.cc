// SPDX-License-Identifier: Apache-2.0
#include "worker/fetch/url.h"

#include <algorithm>
#include <vector>

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

// As the library reads them: commas and blanks stand between.
std::vector<std::string> entries(std::string_view list) {
  std::string text(list);
  std::ranges::replace_if(text, [](char c) { return c == ' ' || c == '\t'; }, ',');
  std::vector<std::string> out;
  for (const auto entry : split(text, ','))
    if (!entry.empty()) out.emplace_back(entry);
  return out;
}

bool is_domain(std::string_view entry) { return entry.starts_with('.') && entry.find(':') == std::string_view::npos; }

}  // namespace

std::string Url::origin() const {
  std::string out = cat(scheme, "://", authority);
  if (!port_of(authority)) out += tls() ? ":443" : ":80";
  return out;
}

Url parse_url(std::string_view url) {
  if (url.size() > kMaxUrl || std::any_of(url.begin(), url.end(), is_odd))
    throw Error(Errc::invalid, cat("malformed URL ", quoted(without_user_info(url).substr(0, 200))));
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

std::string with_query(std::string_view url, std::string_view parameters) {
  const auto fragment = url.find('#');
  const auto base = url.substr(0, fragment);
  return cat(base, base.find('?') == std::string_view::npos ? "?" : "&", parameters);
}

bool spares(std::string_view list, const Url& url) {
  const std::string origin = url.origin();
  const std::size_t colon = origin.rfind(':'), start = origin.find("://") + 3;
  const std::string_view host = std::string_view(origin).substr(start, colon - start);
  const std::string_view port = std::string_view(origin).substr(colon);
  return std::ranges::any_of(entries(list), [&](const std::string& piece) {
    const std::string entry = lower(piece);
    if (is_domain(entry)) return entry.size() > 1 && host.ends_with(entry);
    if (entry.size() <= port.size() || !entry.ends_with(port)) return false;
    std::string_view name = std::string_view(entry).substr(0, entry.size() - port.size());
    if (name.starts_with("*.")) name.remove_prefix(1);
    if (name.starts_with('.')) return host.ends_with(name);
    return host == name || host.ends_with(cat(".", name));
  });
}

std::string spared_by_library(std::string_view list) {
  std::string out;
  for (const auto& entry : entries(list))
    if (!is_domain(entry)) out += cat(out.empty() ? "" : ",", entry);
  return out;
}

}  // namespace rkt::fetch
