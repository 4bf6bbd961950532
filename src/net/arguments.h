// SPDX-License-Identifier: Apache-2.0
// What --net=NAME:ARGS says: words for CNI_ARGS, and values for capabilities that plugins declare (reference:
// networking §14.4, §14.10; docs/devel/network.md has the table). Pure.
#pragma once

#include <string>
#include <string_view>

#include "json/value.h"

namespace rkt::net {

struct Arguments {
  std::string cni_args;  ///< "K=V;K=V"
  json::Object values;   ///< capability -> its value in runtimeConfig
};

/// A word whose key is a capability, or CAPABILITY.MEMBER of one with members, goes to `values`; what may be given
/// several times is a list. Every other word goes to `cni_args`. Throws Errc::usage for a value that cannot be one.
Arguments parse_arguments(std::string_view args);

}  // namespace rkt::net
