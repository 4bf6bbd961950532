// SPDX-License-Identifier: Apache-2.0
// The pods that the metadata service knows: their manifests, by token and by UUID. In memory, one thread.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/uuid.h"
#include "schema/appc/image_manifest.h"
#include "schema/appc/pod_manifest.h"

namespace rkt::metadata {

/// A document as it was registered, and what it says.
template <class Manifest>
struct Document {
  std::string text;
  Manifest manifest;
};

struct RegisteredPod {
  Uuid uuid;
  Document<appc::PodManifest> pod;
  std::map<std::string, Document<appc::ImageManifest>, std::less<>> apps;
};

class Registry {
 public:
  /// A pod that is there already is replaced, and its token with it. Throws Errc::invalid: no manifest, no token, a
  /// token of another pod.
  void put_pod(const Uuid& uuid, std::string_view token, std::string text);
  /// Throws Errc::not_found without such a pod, Errc::invalid for a bad name or manifest.
  void put_app(const Uuid& uuid, std::string_view app, std::string text);
  bool remove(const Uuid& uuid);  ///< false: no such pod

  /// Borrowed until the next change; nullptr: nobody has that token.
  const RegisteredPod* find(std::string_view token) const;

 private:
  struct Entry {
    std::string key;  // of by_token_
    RegisteredPod pod;
  };
  std::map<Uuid, Entry> pods_;
  std::map<std::string, Uuid, std::less<>>
      by_token_;  // keys are digests: how long a look takes says nothing of a token
};

}  // namespace rkt::metadata
