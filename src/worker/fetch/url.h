// SPDX-License-Identifier: Apache-2.0
// As much of a URL as decides who gets which credentials. The library that transfers parses it again; what the two
// could disagree about (blanks, control characters, backslashes) is refused here.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/url.h"

namespace rkt::fetch {

struct Url {
  std::string scheme;     ///< "http" or "https"
  std::string authority;  ///< host[:port], lower case, as written, without user information
  bool tls() const noexcept { return scheme == "https"; }
  /// Scheme, host and port with the default written out: what two URLs share that may see the same credentials.
  std::string origin() const;
};

/// Whether an entry of `list` (no_proxy) names this very host and port: "example.com:5000" (and hosts in that domain),
/// ".example.com:5000" and ".example.com" (only those in it), "10.0.0.1:80", "[::1]:80". Other entries without a port
/// are libcurl's business, which knows none with one, and takes the domain itself for one in it.
bool spares(std::string_view list, const Url& url);
/// `list` without what spares() answers for.
std::string spared_by_library(std::string_view list);

/// Throws Errc::invalid, and Errc::unsupported for other schemes than http and https.
Url parse_url(std::string_view url);
/// `url` with more parameters behind those it has: "a=b&c=d".
std::string with_query(std::string_view url, std::string_view parameters);

}  // namespace rkt::fetch
