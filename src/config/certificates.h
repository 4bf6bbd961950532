// SPDX-License-Identifier: Apache-2.0
// certs.d: a directory HOST[:PORT] with the authorities to trust for that registry (*.crt) and the client's own
// certificate (NAME.cert with NAME.key), all PEM.
#pragma once

#include <string>
#include <vector>

namespace rkt::config {

struct Certificates {
  std::string authorities;  ///< besides the system's
  std::string client, key;  ///< both or none
  bool empty() const noexcept { return authorities.empty() && client.empty(); }
};

/// The first of `directories` that has one for `host` counts. Throws naming the file: a certificate without its key, a
/// key without its certificate, what cannot be read.
Certificates load_certificates(const std::vector<std::string>& directories, const std::string& host);

}  // namespace rkt::config
