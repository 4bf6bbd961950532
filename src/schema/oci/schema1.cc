// SPDX-License-Identifier: Apache-2.0
#include "schema/oci/schema1.h"

#include <algorithm>
#include <set>

#include "base/base64.h"
#include "base/error.h"
#include "base/strings.h"
#include "json/reader.h"
#include "schema/oci/media_types.h"
#include "sys/digest.h"

namespace rkt::oci {
namespace {

constexpr json::Limits kSchema1Limits{.bytes = std::size_t{4} << 20, .depth = 32};
constexpr std::size_t kMaxSchema1Layers = 1024;

struct Entry {
  std::string id, parent, digest, json;
  bool throwaway = false;
};

Entry read_entry(const json::Reader& layer, const json::Reader& history) {
  Entry out{.digest = layer.at("blobSum").text(), .json = history.at("v1Compatibility").text()};
  try {
    check_digest_syntax(out.digest);
  } catch (const Error& e) {
    layer.fail(e.cause());
  }
  const json::Value value = json::parse(out.json, kSchema1Limits);
  const json::Reader in(value, history.path() + ".v1Compatibility");
  out.id = in.at("id").text();
  out.parent = in.text_or("parent", "");
  out.throwaway = in.boolean_or("throwaway", false);
  return out;
}

[[noreturn]] void refuse_chain(std::string why) { throw Error(Errc::invalid, std::move(why)); }

// Top first. Some old tools wrote the same layer twice in a row.
void check_chain(std::vector<Entry>& entries) {
  if (!entries.back().parent.empty()) refuse_chain("Invalid parent ID in the base layer of the image.");
  const auto repeated = std::ranges::unique(entries, {}, &Entry::id);
  entries.erase(repeated.begin(), repeated.end());
  std::set<std::string> seen;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (!seen.insert(entries[i].id).second)
      refuse_chain(cat("ID ", quoted(entries[i].id), " appears multiple times in manifest"));
    if (i + 1 < entries.size() && entries[i].parent != entries[i + 1].id)
      refuse_chain(
          cat("Invalid parent ID. Expected ", quoted(entries[i + 1].id), ", got ", quoted(entries[i].parent), "."));
  }
}

std::string encoded_member(const json::Reader& in, const char* member) {
  const auto plain = base64_decode(in.at(member).text());
  if (!plain) in.at(member).fail("not base64");
  return *plain;
}

}  // namespace

bool is_schema1_type(std::string_view media_type) {
  return media_type == kSchema1Type || media_type == kSignedSchema1Type;
}

std::string schema1_payload(std::string_view bytes) {
  const json::Value value = json::parse(bytes, kSchema1Limits);
  const json::Reader in(value, "manifest");
  const auto signatures = in.items("signatures");
  if (signatures.empty()) return std::string(bytes);
  const json::Value head = json::parse(encoded_member(signatures.front(), "protected"), kSchema1Limits);
  const json::Reader protection(head, "manifest.signatures[0].protected");
  const auto length =
      static_cast<std::size_t>(protection.at("formatLength").integer(0, static_cast<std::int64_t>(bytes.size())));
  std::string payload = cat(bytes.substr(0, length), encoded_member(protection, "formatTail"));
  // What is hashed must be what is read.
  const json::Value inside = json::parse(payload, kSchema1Limits);
  if (json::Reader(inside, "manifest").find("signatures")) in.fail("signatures inside of what is signed");
  for (const char* member : {"schemaVersion", "name", "tag", "architecture", "fsLayers", "history"}) {
    const auto outer = in.find(member);
    const auto inner = json::Reader(inside, "manifest").find(member);
    if (outer.has_value() != inner.has_value() || (outer && json::write(outer->value()) != json::write(inner->value())))
      in.fail(cat("its signatures are about another ", quoted(member)));
  }
  return payload;
}

Schema1 parse_schema1(std::string_view bytes) {
  const std::string payload = schema1_payload(bytes);
  const json::Value value = json::parse(payload, kSchema1Limits);
  const json::Reader in(value, "manifest");
  if (in.at("schemaVersion").integer() != 1) in.fail("schemaVersion must be 1");
  for (const char* foreign : {"config", "layers", "manifests"})
    if (in.find(foreign)) in.fail(cat("a manifest of schema 1 must not have ", quoted(foreign)));
  const auto layers = in.items("fsLayers"), history = in.items("history");
  if (layers.size() != history.size())
    in.fail(cat(layers.size(), " layers, but ", history.size(), " entries of history"));
  if (layers.empty()) in.fail("backend image had no useful layers: not creating ACI");
  if (layers.size() > kMaxSchema1Layers) in.fail(cat("more than ", kMaxSchema1Layers, " layers"));
  std::vector<Entry> entries;
  for (std::size_t i = 0; i < layers.size(); ++i) entries.push_back(read_entry(layers[i], history[i]));
  check_chain(entries);
  Schema1 out{
      .name = in.at("name").text(), .tag = in.text_or("tag", ""), .architecture = in.text_or("architecture", "")};
  out.top = entries.front().json;
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry)
    if (!entry->throwaway) out.layers.push_back(entry->digest);
  if (out.layers.empty()) in.fail("backend image had no useful layers: not creating ACI");
  return out;
}

Converted convert_schema1(const Schema1& image, const std::vector<Schema1Layer>& layers) {
  if (layers.size() != image.layers.size()) throw Error(Errc::bug, "layers of a converted image are missing");
  const json::Value value = json::parse(image.top, kSchema1Limits);
  const json::Reader top(value, "history[0].v1Compatibility");
  json::Object config, rootfs, manifest, config_descriptor;
  const std::string architecture = top.text_or("architecture", image.architecture);
  config.set("architecture", architecture.empty() ? std::string("amd64") : architecture);
  config.set("os", top.text_or("os", "linux"));
  for (const char* member : {"created", "author", "config"})
    if (const auto found = top.find(member)) config.set(member, found->value());
  json::Array diff_ids, descriptors;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    diff_ids.emplace_back(layers[i].diff_id);
    json::Object descriptor;
    descriptor.set("mediaType", cat(kDockerLayerType, ".gzip"));
    descriptor.set("size", layers[i].size);
    descriptor.set("digest", image.layers[i]);
    descriptors.emplace_back(std::move(descriptor));
  }
  rootfs.set("type", "layers");
  rootfs.set("diff_ids", std::move(diff_ids));
  config.set("rootfs", std::move(rootfs));
  Converted out{
      .manifest = {}, .manifest_type = std::string(kDockerManifestType), .config = json::write(std::move(config))};
  config_descriptor.set("mediaType", kDockerConfigType);
  config_descriptor.set("size", std::uint64_t{out.config.size()});
  config_descriptor.set("digest", cat("sha256:", sha256_hex(out.config)));
  manifest.set("schemaVersion", 2);
  manifest.set("mediaType", kDockerManifestType);
  manifest.set("config", std::move(config_descriptor));
  manifest.set("layers", std::move(descriptors));
  out.manifest = json::write(std::move(manifest));
  return out;
}

}  // namespace rkt::oci
