// SPDX-License-Identifier: Apache-2.0
// What the service answers: registration by rkt, and questions of pods (appc 0.8.11, Metadata Service). No sockets
// here. Paths are decoded; whatever is wrong becomes a reply, nothing throws.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "worker/metadata/registry.h"
#include "worker/metadata/signer.h"

namespace rkt::metadata {

struct Request {
  std::string method, path;
  std::map<std::string, std::string, std::less<>> query, form;
  std::string body;  ///< of PUT
  /// A value of the form, or else of the query; nullptr: in neither.
  const std::string* value(std::string_view name) const;
};

struct Reply {
  unsigned status = 200;
  std::string body;
  bool json = false;  ///< else text
};

/// PUT and DELETE below /pods/UUID.
Reply answer_rkt(Registry& registry, const Request& request);

/// /TOKEN/acMetadata/v1/…
Reply answer_pod(const Registry& registry, const Signer& signer, const Request& request);

/// A path of answer_pod() as it may be logged.
std::string without_token(std::string_view path);

}  // namespace rkt::metadata
