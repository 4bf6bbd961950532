// SPDX-License-Identifier: Apache-2.0
// What of a URL may be kept and what may be shown: it can hold a password, and a signed one is a secret by itself.
#pragma once

#include <string>
#include <string_view>

namespace rkt {

/// Without "USER:PASSWORD@", for whatever outlives the request. No URL: as it is.
std::string without_user_info(std::string_view url);
/// For messages: without user information, query and fragment, which may hold secrets.
std::string shown_url(std::string_view url);

}  // namespace rkt
