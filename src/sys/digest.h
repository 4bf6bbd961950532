// SPDX-License-Identifier: Apache-2.0
// SHA-256 and SHA-512 of small documents (manifests, chain ids, key names), with libmd: rkt itself must not pay for
// loading a TLS library. Workers hash bulk data with OpenSSL.
#pragma once

#include <string>
#include <string_view>

namespace rkt {

std::string sha256_hex(std::string_view bytes);
std::string sha512_hex(std::string_view bytes);

}  // namespace rkt
