// SPDX-License-Identifier: Apache-2.0
#include "worker/metadata/registry.h"

#include "base/error.h"
#include "sys/digest.h"

namespace rkt::metadata {

void Registry::put_pod(const Uuid& uuid, std::string_view token, std::string text) {
  if (token.empty()) throw Error(Errc::invalid, "token missing");
  auto manifest =
      in_context([] { return std::string("JSON-decoding failed"); }, [&] { return appc::parse_pod_manifest(text); });
  std::string key = sha256_hex(token);
  const auto holder = by_token_.find(key);
  if (holder != by_token_.end() && holder->second != uuid) throw Error(Errc::invalid, "token belongs to another pod");
  remove(uuid);
  by_token_[key] = uuid;
  pods_[uuid] = {.key = std::move(key),
                 .pod = {.uuid = uuid, .pod = {.text = std::move(text), .manifest = std::move(manifest)}, .apps = {}}};
}

void Registry::put_app(const Uuid& uuid, std::string_view app, std::string text) {
  const auto pod = pods_.find(uuid);
  if (pod == pods_.end()) throw Error(Errc::not_found, "Pod with given UUID not found");
  const auto name = appc::AcName::parse(app);
  auto manifest =
      in_context([] { return std::string("JSON-decoding failed"); }, [&] { return appc::parse_image_manifest(text); });
  pod->second.pod.apps.insert_or_assign(
      name.str(), Document<appc::ImageManifest>{.text = std::move(text), .manifest = std::move(manifest)});
}

bool Registry::remove(const Uuid& uuid) {
  const auto pod = pods_.find(uuid);
  if (pod == pods_.end()) return false;
  by_token_.erase(pod->second.key);
  pods_.erase(pod);
  return true;
}

const RegisteredPod* Registry::find(std::string_view token) const {
  const auto key = by_token_.find(sha256_hex(token));
  return key == by_token_.end() ? nullptr : &pods_.at(key->second).pod;
}

}  // namespace rkt::metadata
