// SPDX-License-Identifier: Apache-2.0
#include "base/url.h"

#include "base/strings.h"

namespace rkt {

std::string without_user_info(std::string_view url) {
  const auto end = url.find("://");
  if (end == std::string_view::npos) return std::string(url);
  const auto begin = end + 3;
  const auto at = url.substr(begin, url.substr(begin).find_first_of("/?#")).rfind('@');
  if (at == std::string_view::npos) return std::string(url);
  return cat(url.substr(0, begin), url.substr(begin + at + 1));
}

std::string shown_url(std::string_view url) { return without_user_info(url.substr(0, url.find_first_of("?#"))); }

}  // namespace rkt
