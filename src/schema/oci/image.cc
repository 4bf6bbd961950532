// SPDX-License-Identifier: Apache-2.0
#include "schema/oci/image.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "schema/oci/media_types.h"
#include "sys/digest.h"

namespace rkt::oci {
namespace {

constexpr json::Limits kDocumentLimits{.bytes = std::size_t{4} << 20, .depth = 32};
constexpr std::size_t kMaxLayers = 1024;
constexpr std::size_t kMaxEntries = 1024;

std::string_view without_parameters(std::string_view media_type) {
  return trim(media_type.substr(0, media_type.find(';')));
}

Descriptor read_descriptor(const json::Reader& in) {
  Descriptor d{.media_type = in.text_or("mediaType", ""), .digest = in.at("digest").text()};
  try {
    check_digest_syntax(d.digest);
  } catch (const Error& e) {
    in.fail(e.cause());
  }
  d.size = static_cast<std::uint64_t>(in.at("size").integer(0));
  d.urls = in.texts("urls");
  if (const auto annotations = in.find("annotations"))
    for (const auto& [name, value] : annotations->members()) d.annotations[name] = value.text();
  if (const auto p = in.find("platform"))
    d.platform = Descriptor::Platform{p->text_or("os", ""), p->text_or("architecture", ""), p->text_or("variant", ""),
                                      p->text_or("os.version", "")};
  d.artifact_type = in.text_or("artifactType", "");
  return d;
}

// A document that could be read as something else is an attack or a mistake; either way it is refused.
void check_document(const json::Reader& in, std::string_view media_type, std::string_view member,
                    std::string_view foreign) {
  if (in.at("schemaVersion").integer() != 2) in.fail("schemaVersion must be 2");
  if (const auto own = in.find("mediaType"); own && own->text() != without_parameters(media_type))
    own->fail(cat("document says it is ", quoted(own->text()), ", but it was given as ", quoted(media_type)));
  if (in.find(foreign)) in.fail(cat("a document with ", quoted(member), " must not have ", quoted(foreign)));
}

std::vector<json::Reader> entries_of(const json::Reader& index, std::string_view media_type) {
  check_document(index, media_type, "manifests", "layers");
  auto entries = index.items("manifests");
  if (entries.size() > kMaxEntries) index.fail(cat("more than ", kMaxEntries, " manifests"));
  return entries;
}

// Of an entry that is malformed elsewhere.
std::string artifact_type_of(const json::Reader& entry) {
  const json::Object* members = entry.value().as_object();
  const json::Value* type = members == nullptr ? nullptr : members->find("artifactType");
  const std::string* text = type == nullptr ? nullptr : type->as_string();
  return text == nullptr ? std::string{} : *text;
}

// Go's arm: a machine runs its own variant and lower ones; arm64 without a variant is v8, arm without one is v7.
std::string effective_variant(const std::string& arch, const std::string& variant) {
  if (!variant.empty()) return variant;
  if (arch == "arm64") return "v8";
  if (arch == "arm") return "v7";
  return "";
}

// Lower is better; nullopt: cannot run here.
std::optional<int> rank(const Descriptor& d, const appc::OciPlatform& host) {
  if (d.annotations.contains("vnd.docker.reference.type")) return std::nullopt;
  if (!d.platform) return 1000;
  const auto& p = *d.platform;
  if (p.os != host.os || p.architecture != host.arch) return std::nullopt;
  const std::string want = effective_variant(host.arch, host.variant),
                    have = effective_variant(p.architecture, p.variant);
  if (have == want) return 0;
  if (have.empty()) return 1;
  if (host.arch == "amd64") {  // v1 runs everywhere; higher levels need features that were not probed
    if (have == "v1") return 1;
    return std::nullopt;
  }
  const auto have_level = parse_int<int>(have.substr(1)),
             want_level = parse_int<int>(want.empty() ? "" : want.substr(1));
  if (!have_level || !want_level || *have_level > *want_level) return std::nullopt;
  return 1 + *want_level - *have_level;
}

std::string platforms_of(const Index& index) {
  std::string out;
  for (const auto& d : index.manifests) {
    if (!d.platform || d.platform->os == "unknown") continue;
    out += cat(out.empty() ? "" : ", ", d.platform->os, "/", d.platform->architecture,
               d.platform->variant.empty() ? "" : "/", d.platform->variant);
  }
  return out.empty() ? "none" : out;
}

std::vector<std::string> keys_of(const json::Reader& in, std::string_view member) {
  std::vector<std::string> out;
  if (const auto o = in.find(member))
    for (const auto& [name, value] : o->members()) out.push_back(name);
  std::sort(out.begin(), out.end());
  return out;
}

Config::Exec read_exec(const json::Reader& in) {
  Config::Exec e;
  e.user = in.text_or("User", "");
  e.working_dir = in.text_or("WorkingDir", "");
  e.stop_signal = in.text_or("StopSignal", "");
  e.exposed_ports = keys_of(in, "ExposedPorts");
  e.volumes = keys_of(in, "Volumes");
  e.env = in.texts("Env");
  e.entrypoint = in.texts("Entrypoint");
  e.cmd = in.texts("Cmd");
  if (const auto labels = in.find("Labels"))
    for (const auto& [name, value] : labels->members()) e.labels.emplace_back(name, value.text());
  return e;
}

}  // namespace

void check_digest_syntax(std::string_view digest) {
  const auto colon = digest.find(':');
  const auto algorithm = digest.substr(0, colon);
  const auto hex = colon == std::string_view::npos ? std::string_view() : digest.substr(colon + 1);
  if (algorithm != "sha256" && algorithm != "sha512")
    throw Error(Errc::invalid, cat("digest ", quoted(digest), " has no algorithm that can be verified"));
  if (hex.size() != (algorithm == "sha256" ? 64U : 128U) ||
      hex.find_first_not_of("0123456789abcdef") != std::string_view::npos)
    throw Error(Errc::invalid, cat("digest ", quoted(digest), " is malformed"));
}

std::string blob_name(const std::string& digest) {
  check_digest_syntax(digest);
  std::string name = digest;
  name[digest.find(':')] = '-';
  return name;
}

std::string digest_of_blob(const std::string& name) {
  std::string digest = name;
  digest.at(name.find('-')) = ':';
  return digest;
}

bool is_index_type(std::string_view media_type) {
  const auto t = without_parameters(media_type);
  return t == kIndexType || t == kDockerListType;
}

bool is_foreign_type(std::string_view media_type) {
  return media_type.starts_with(kForeignLayerType) || media_type.starts_with(kDockerForeignLayerType);
}

bool is_manifest_type(std::string_view media_type) {
  const auto t = without_parameters(media_type);
  return t == kManifestType || t == kDockerManifestType;
}

LayerCompression layer_compression(std::string_view media_type) {
  std::string_view t = media_type;
  static constexpr std::string_view kPlain[] = {kLayerType, kForeignLayerType, kDockerLayerType,
                                                kDockerForeignLayerType};
  for (const auto base : kPlain) {
    if (!t.starts_with(base)) continue;
    const auto suffix = t.substr(base.size());
    if (suffix.empty()) return LayerCompression::none;
    if (suffix == "+gzip" || suffix == ".gzip") return LayerCompression::gzip;
    if (suffix == "+zstd" || suffix == ".zstd") return LayerCompression::zstd;
  }
  throw Error(Errc::unsupported, cat("layers of type ", quoted(media_type), " are not supported"));
}

// Early clients of Docker's named the type of any bytes.
void check_runnable(const Manifest& manifest) {
  const std::string& type = manifest.config.media_type;
  if (!type.empty() && type != kConfigType && type != kDockerConfigType && type != "application/octet-stream")
    throw Error(Errc::unsupported, cat("no image that can run: its configuration is of the type ", quoted(type)));
  if (manifest.layers.empty()) throw Error(Errc::invalid, "the image has no layers: not creating ACI");
}

Index parse_index(std::string_view bytes, std::string_view media_type) {
  const json::Value value = json::parse(bytes, kDocumentLimits);
  Index index;
  for (const auto& m : entries_of(json::Reader(value), media_type)) index.manifests.push_back(read_descriptor(m));
  return index;
}

Listing parse_listing(std::string_view bytes, std::string_view media_type) {
  const json::Value value = json::parse(bytes, kDocumentLimits);
  Listing out;
  for (const auto& m : entries_of(json::Reader(value), media_type)) {
    try {
      out.index.manifests.push_back(read_descriptor(m));
    } catch (const Error& e) {
      out.malformed.push_back({.artifact_type = artifact_type_of(m), .why = e.cause()});
    }
  }
  return out;
}

Manifest parse_manifest(std::string_view bytes, std::string_view media_type) {
  const json::Value value = json::parse(bytes, kDocumentLimits);
  const json::Reader in(value);
  check_document(in, media_type, "layers", "manifests");
  Manifest m{.config = read_descriptor(in.at("config")), .media_type = std::string(without_parameters(media_type))};
  for (const auto& l : in.items("layers")) m.layers.push_back(read_descriptor(l));
  if (m.layers.size() > kMaxLayers) in.fail(cat("more than ", kMaxLayers, " layers"));
  return m;
}

Config parse_config(std::string_view bytes) {
  const json::Value value = json::parse(bytes, kDocumentLimits);
  const json::Reader in(value);
  Config c{.os = in.at("os").text(), .architecture = in.at("architecture").text()};
  c.variant = in.text_or("variant", "");
  c.author = in.text_or("author", "");
  c.created = in.text_or("created", "");
  if (const auto exec = in.find("config")) c.config = read_exec(*exec);
  const auto rootfs = in.at("rootfs");
  if (rootfs.at("type").text() != "layers")
    rootfs.fail(cat("type is ", quoted(rootfs.at("type").text()), ", not \"layers\""));
  c.diff_ids = rootfs.texts("diff_ids");
  if (c.diff_ids.size() > kMaxLayers) rootfs.fail(cat("more than ", kMaxLayers, " layers"));
  for (const auto& id : c.diff_ids) check_digest_syntax(id);
  return c;
}

const Descriptor& select_platform(const Index& index, const appc::OciPlatform& host) {
  const Descriptor* best = nullptr;
  int best_rank = 0;
  for (const auto& d : index.manifests) {
    // An entry without a type is a manifest; unknown types are skipped, as the specification asks.
    if (!d.media_type.empty() && !is_manifest_type(d.media_type) && !is_index_type(d.media_type)) continue;
    const auto r = rank(d, host);
    if (!r || (best != nullptr && *r >= best_rank)) continue;
    best = &d;
    best_rank = *r;
  }
  if (best == nullptr)
    throw Error(Errc::not_found, cat("no image for ", host.os, "/", host.arch, host.variant.empty() ? "" : "/",
                                     host.variant, "; there is: ", platforms_of(index)));
  return *best;
}

std::vector<std::string> chain_ids(const std::vector<std::string>& diff_ids) {
  std::vector<std::string> out;
  for (const auto& id : diff_ids)
    out.push_back(out.empty() ? id : cat("sha256:", sha256_hex(cat(out.back(), " ", id))));
  return out;
}

}  // namespace rkt::oci
