// SPDX-License-Identifier: Apache-2.0
// The appc pod manifest (reference: pods §3, §6.1): what stage0 writes into POD/pod and stage1 reads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schema/appc/image_manifest.h"

namespace rkt::appc {

struct Volume {
  enum class Kind { host, empty };
  AcName name;
  Kind kind = Kind::empty;
  std::string source;  ///< host: absolute
  std::optional<bool> read_only, recursive;
  std::string mode = "0755";      ///< empty: octal text
  std::int64_t uid = 0, gid = 0;  ///< empty
  unsigned mode_bits() const;
  /// NAME,kind=host,source=…[,readOnly=B][,recursive=B] or NAME,kind=empty[,mode=O][,uid=N][,gid=N]; cli chapter 7.4.
  static Volume parse_flag(std::string_view text);
};

struct Mount {
  std::string volume;  ///< a volume's name
  std::string path;
  std::optional<Volume> app_volume;
};

struct RuntimeApp {
  AcName name;
  ImageId image_id;
  std::string image_name;
  Labels image_labels;
  std::optional<App> app;
  bool read_only_rootfs = false;
  std::vector<Mount> mounts;
  std::vector<Annotation> annotations;
};

struct ExposedPort {
  AcName name;
  std::uint16_t host_port = 0;
  std::string host_ip;
  std::optional<Port> pod_port;
  std::uint16_t count = 1;  ///< of a flag: as many ports, from host_port on; in a manifest always 1
  /// NAME:[HOSTIP:]HOSTPORT[-LASTPORT]; an IPv6 address may be in brackets. Throws the reference's texts.
  static ExposedPort parse_flag(std::string_view text);
};

/// "8000" or "8000-8009": the first, and how many. Throws `"x" is not a valid port number`.
std::pair<std::uint16_t, std::uint16_t> parse_port_range(std::string_view text);
/// An address in the form of inet_ntop(3), brackets taken off. Throws `"x" is not a valid IP`.
std::string parse_host_ip(std::string_view text);

struct PodManifest {
  std::string ac_version;
  std::vector<RuntimeApp> apps;
  std::vector<Volume> volumes;
  std::vector<Isolator> isolators;
  std::vector<Annotation> annotations;
  std::vector<ExposedPort> ports;
  StringPairs user_annotations, user_labels;

  const RuntimeApp* find_app(std::string_view name) const;
  const Volume* find_volume(std::string_view name) const;
};

PodManifest parse_pod_manifest(std::string_view json_text);  ///< throws Errc::invalid; unique names are checked
json::Value to_json(const PodManifest& manifest);            ///< key order and null lists as the reference (cli §8.10)
std::string write(const PodManifest& manifest, json::Style style = json::Style::compact);
/// The same for a manifest that is made of flags, read back: throws what whoever reads it would say.
std::string write_readable(const PodManifest& manifest);

}  // namespace rkt::appc
