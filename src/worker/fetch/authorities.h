// SPDX-License-Identifier: Apache-2.0
// The certificate authorities that servers are checked against. To read all that a system has takes 70 ms: that is done
// when a server has shown a certificate, unless its issuer was found by name, and once for all connections. libcurl,
// left to itself, does it for each of them, and for servers that turn out to speak no TLS.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <string>

namespace rkt::fetch {

/// Single-threaded programs only. Outlives every handle that it is used for.
class Authorities {
 public:
  /// `pem`: all that are trusted; "": the system's, by its directory of hashed names and its file. Throws.
  explicit Authorities(std::string pem);
  ~Authorities();
  Authorities(const Authorities&) = delete;
  Authorities& operator=(const Authorities&) = delete;

  /// What connections of `easy` trust. Throws.
  void use_for(CURL* easy);
  bool were_read() const noexcept;  ///< all of them

 private:
  struct Store;
  std::unique_ptr<Store> store_;
};

/// The authorities that the library trusts by itself, as PEM; "" where it has no such file.
std::string system_certificates();

}  // namespace rkt::fetch
