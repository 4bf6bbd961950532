// SPDX-License-Identifier: Apache-2.0
// AWS signature version 4 for reading from S3: what `auth` of type aws does. Pure.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "worker/fetch/session.h"

namespace rkt::fetch {

/// The header lines that sign a GET of `url`, Authorization among them. `fields`: lines that are sent, too, and are
/// signed with them.
std::vector<std::string> aws_headers(const AwsKey& key, std::string_view url, const std::vector<std::string>& fields,
                                     std::chrono::system_clock::time_point now);

/// The region that a host name of S3 tells, else us-east-1.
std::string aws_region(std::string_view host);

}  // namespace rkt::fetch
