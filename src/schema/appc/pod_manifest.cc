// SPDX-License-Identifier: Apache-2.0
#include "schema/appc/pod_manifest.h"

#include <arpa/inet.h>

#include <algorithm>
#include <tuple>

#include "base/error.h"
#include "base/strings.h"
#include "schema/appc/codec.h"

namespace rkt::appc {
namespace {

constexpr json::Limits kPodLimits{.bytes = std::size_t{16} << 20, .depth = 32};
constexpr std::int64_t kMaxId = 0xfffffffe;

Volume::Kind parse_kind(std::string_view text) {
  if (text == "host") return Volume::Kind::host;
  if (text == "empty") return Volume::Kind::empty;
  throw Error(Errc::invalid, "unrecognized volume kind: should be one of \"empty\", \"host\"");
}

void check_volume(const Volume& v, bool has_mode, bool has_uid, bool has_gid) {
  const auto fail = [](std::string_view why) { return Error(Errc::invalid, std::string(why)); };
  if (v.kind == Volume::Kind::empty) {
    if (!v.source.empty()) throw fail("source for empty volume must be empty");
    v.mode_bits();
    return;
  }
  if (v.source.empty()) throw fail("source for host volume cannot be empty");
  if (v.source[0] != '/') throw fail("source for host volume must be absolute path");
  if (has_mode) throw fail("mode for host volume cannot be set");
  if (has_uid) throw fail("uid for host volume cannot be set");
  if (has_gid) throw fail("gid for host volume cannot be set");
}

Volume read_volume(const json::Reader& in) {
  Volume v{.name = read_name(in.at("name"))};
  try {
    v.kind = parse_kind(in.text_or("kind", ""));
    v.source = in.text_or("source", "");
    if (const auto b = in.find("readOnly")) v.read_only = b->boolean();
    if (const auto b = in.find("recursive")) v.recursive = b->boolean();
    const auto mode = in.find("mode"), uid = in.find("uid"), gid = in.find("gid");
    if (mode) v.mode = mode->text();
    if (uid) v.uid = uid->integer(0, kMaxId);
    if (gid) v.gid = gid->integer(0, kMaxId);
    check_volume(v, mode.has_value(), uid.has_value(), gid.has_value());
  } catch (const Error& e) {
    if (e.cause().starts_with(in.path())) throw;
    in.fail(e.cause());
  }
  return v;
}

json::Value volume_json(const Volume& v) {
  json::Object o;
  o.set("name", v.name.str());
  o.set("kind", v.kind == Volume::Kind::host ? "host" : "empty");
  if (!v.source.empty()) o.set("source", v.source);
  if (v.read_only) o.set("readOnly", *v.read_only);
  if (v.recursive) o.set("recursive", *v.recursive);
  if (v.kind == Volume::Kind::empty) {
    o.set("mode", v.mode);
    o.set("uid", v.uid);
    o.set("gid", v.gid);
  }
  return o;
}

RuntimeApp read_app(const json::Reader& in) {
  const auto image = in.at("image");
  const std::string id_text = image.text_or("id", "");
  const auto id = ImageId::parse(id_text);
  const AcName name = read_name(in.at("name"));
  if (id_text.empty()) in.fail(cat("no image ID for app ", quoted(name.str())));
  if (!id) image.fail(ImageId::complaint(id_text));
  RuntimeApp app{.name = name, .image_id = *id};
  if (const auto n = image.find("name")) app.image_name = read_identifier(*n);
  app.image_labels = read_labels(image);
  if (const auto a = in.find("app")) app.app = parse_app(*a);
  app.read_only_rootfs = in.boolean_or("readOnlyRootFS", false);
  for (const auto& m : in.items("mounts")) {
    Mount mount{.volume = m.text_or("volume", ""), .path = m.text_or("path", "")};
    if (const auto v = m.find("appVolume")) mount.app_volume = read_volume(*v);
    app.mounts.push_back(std::move(mount));
  }
  app.annotations = read_annotations(in);
  return app;
}

json::Value app_json(const RuntimeApp& a) {
  json::Object image;
  if (!a.image_name.empty()) image.set("name", a.image_name);
  image.set("id", a.image_id.str());
  add_unless_empty(image, "labels", labels_json(a.image_labels));
  json::Object o;
  o.set("name", a.name.str());
  o.set("image", std::move(image));
  if (a.app) o.set("app", to_json(*a.app));
  if (a.read_only_rootfs) o.set("readOnlyRootFS", true);
  add_unless_empty(o, "mounts", map_array(a.mounts, [](const Mount& m) {
                     json::Object e;
                     e.set("volume", m.volume);
                     e.set("path", m.path);
                     if (m.app_volume) e.set("appVolume", volume_json(*m.app_volume));
                     return e;
                   }));
  add_unless_empty(o, "annotations", annotations_json(a.annotations));
  return o;
}

// As inet_ntop(3) writes it, so that equal addresses are equal texts.
std::string read_host_ip(std::string text) {
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  unsigned char bytes[16];
  char out[INET6_ADDRSTRLEN];
  for (const int family : {AF_INET, AF_INET6})
    if (::inet_pton(family, text.c_str(), bytes) == 1) return ::inet_ntop(family, bytes, out, sizeof out);
  throw Error(Errc::invalid, cat(quoted(text), " is not a valid IP"));
}

std::uint16_t read_port_number(std::string_view text) {
  const auto port = parse_int<std::uint16_t>(text);
  if (!port || *port == 0) throw Error(Errc::invalid, cat(quoted(text), " is not a valid port number"));
  return *port;
}

ExposedPort read_exposed_port(const json::Reader& in) {
  ExposedPort p{.name = read_name(in.at("name"))};
  if (const auto port = in.find("hostPort")) p.host_port = static_cast<std::uint16_t>(port->integer(0, 65535));
  if (const auto ip = in.find("hostIP"); ip && !ip->text().empty()) try {
      p.host_ip = read_host_ip(ip->text());
    } catch (const Error& e) {
      ip->fail(e.cause());
    }
  if (const auto pod = in.find("podPort")) p.pod_port = parse_port(*pod);
  return p;
}

json::Value exposed_port_json(const ExposedPort& p) {
  json::Object o;
  o.set("name", p.name.str());
  o.set("hostPort", static_cast<int>(p.host_port));
  if (!p.host_ip.empty()) o.set("hostIP", p.host_ip);
  if (p.pod_port) o.set("podPort", to_json(*p.pod_port));
  return o;
}

json::Value or_null(json::Array a) { return a.empty() ? json::Value() : json::Value(std::move(a)); }

std::int64_t parse_id(std::string_view text) {
  const auto n = parse_int<std::int64_t>(text);
  if (!n || *n < 0 || *n > kMaxId) throw Error(Errc::invalid, cat(quoted(text), " is not a user or group number"));
  return *n;
}

}  // namespace

unsigned Volume::mode_bits() const {
  const auto bits = parse_int<unsigned>(mode, 8);
  if (!bits || *bits > 07777)
    throw Error(Errc::invalid,
                cat("invalid mode ", quoted(mode), " for empty volume: must be octal", bits ? ", 7777 at most" : ""));
  return *bits;
}

Volume Volume::parse_flag(std::string_view text) {
  const auto pieces = split(text, ',');
  Volume v{.name = AcName::parse(pieces[0])};
  std::vector<std::pair<std::string, std::string>> seen;
  for (std::size_t i = 1; i < pieces.size(); ++i) {
    const auto equals = pieces[i].find('=');
    if (equals == std::string_view::npos)
      throw Error(Errc::invalid,
                  cat("malformed string ", quoted(cat("name=", text)), " - has a label without a value: ", pieces[i]));
    const std::string key(pieces[i].substr(0, equals)), value(pieces[i].substr(equals + 1));
    for (const auto& [k, before] : seen)
      if (k == key)
        throw Error(Errc::invalid,
                    cat("label ", key, " with multiple values [", quoted(before), " ", quoted(value), "]"));
    seen.emplace_back(key, value);
  }
  const auto flag = [](const std::string& value) {
    const auto b = parse_bool(value);
    if (!b) throw Error(Errc::invalid, cat("strconv.ParseBool: parsing ", quoted(value), ": invalid syntax"));
    return *b;
  };
  std::string kind;
  bool mode = false, uid = false, gid = false;
  for (const auto& [key, value] : seen) {
    if (key == "kind")
      kind = value;
    else if (key == "source")
      v.source = value;
    else if (key == "readOnly")
      v.read_only = flag(value);
    else if (key == "recursive")
      v.recursive = flag(value);
    else if (key == "mode")
      v.mode = value, mode = true;
    else if (key == "uid")
      v.uid = parse_id(value), uid = true;
    else if (key == "gid")
      v.gid = parse_id(value), gid = true;
    else
      throw Error(Errc::invalid, cat("unknown volume parameter ", quoted(key)));
  }
  v.kind = parse_kind(kind);
  check_volume(v, mode, uid, gid);
  return v;
}

ExposedPort ExposedPort::parse_flag(std::string_view text) {
  const auto first = text.find(':');
  if (first == std::string_view::npos)
    throw Error(Errc::invalid, cat(quoted(text), " is not in name:[ip:]port format"));
  const auto name = text.substr(0, first);
  std::string_view rest = text.substr(first + 1);
  try {
    AcName::parse(name);
  } catch (const Error&) {
    throw Error(Errc::invalid, cat(quoted(name), " is not a valid port name"));
  }
  ExposedPort p{.name = AcName::parse(name)};
  if (const auto last = rest.find_last_of(':'); last != std::string_view::npos) {
    p.host_ip = read_host_ip(std::string(rest.substr(0, last)));
    rest = rest.substr(last + 1);
  }
  std::tie(p.host_port, p.count) = parse_port_range(rest);
  return p;
}

std::pair<std::uint16_t, std::uint16_t> parse_port_range(std::string_view text) {
  const auto dash = text.find('-');
  const std::uint16_t first = read_port_number(dash == 0 ? text : text.substr(0, dash));
  if (dash == std::string_view::npos) return {first, 1};
  const std::uint16_t last = read_port_number(text.substr(dash + 1));
  if (last < first) throw Error(Errc::invalid, cat(quoted(text), " is not a valid range of ports"));
  return {first, static_cast<std::uint16_t>(last - first + 1)};
}

std::string parse_host_ip(std::string_view text) { return read_host_ip(std::string(text)); }

const RuntimeApp* PodManifest::find_app(std::string_view name) const {
  const auto it = std::find_if(apps.begin(), apps.end(), [&](const RuntimeApp& a) { return a.name.str() == name; });
  return it == apps.end() ? nullptr : &*it;
}

const Volume* PodManifest::find_volume(std::string_view name) const {
  const auto it = std::find_if(volumes.begin(), volumes.end(), [&](const Volume& v) { return v.name.str() == name; });
  return it == volumes.end() ? nullptr : &*it;
}

namespace {

PodManifest read_pod_manifest(const json::Value& value) {
  const json::Reader in(value, "", json::Reader::Case::any);
  PodManifest m;
  check_kind(in, "PodManifest");
  m.ac_version = read_version(in);
  for (const auto& a : in.items("apps")) {
    RuntimeApp app = read_app(a);
    if (m.find_app(app.name.str()) != nullptr) a.fail(cat("multiple apps with same name ", app.name.str()));
    m.apps.push_back(std::move(app));
  }
  for (const auto& v : in.items("volumes")) {
    Volume volume = read_volume(v);
    if (m.find_volume(volume.name.str()) != nullptr) v.fail(cat("duplicate volume name ", quoted(volume.name.str())));
    m.volumes.push_back(std::move(volume));
  }
  m.isolators = read_isolators(in);
  m.annotations = read_annotations(in);
  for (const auto& p : in.items("ports")) m.ports.push_back(read_exposed_port(p));
  m.user_annotations = read_string_pairs(in, "userAnnotations");
  m.user_labels = read_string_pairs(in, "userLabels");
  return m;
}

}  // namespace

PodManifest parse_pod_manifest(std::string_view json_text) {
  return read_pod_manifest(json::parse(json_text, kPodLimits));
}

json::Value to_json(const PodManifest& m) {
  json::Object o;
  o.set("acVersion", m.ac_version);
  o.set("acKind", "PodManifest");
  o.set("apps", map_array(m.apps, app_json));
  o.set("volumes", or_null(map_array(m.volumes, volume_json)));
  o.set("isolators", or_null(isolators_json(m.isolators)));
  o.set("annotations", or_null(annotations_json(m.annotations)));
  o.set("ports", map_array(m.ports, exposed_port_json));
  add_pairs(o, "userAnnotations", m.user_annotations);
  add_pairs(o, "userLabels", m.user_labels);
  return o;
}

std::string write(const PodManifest& manifest, json::Style style) { return json::write(to_json(manifest), style); }

std::string write_readable(const PodManifest& manifest) {
  const json::Value value = to_json(manifest);
  std::string text = json::write_parseable(value, kPodLimits);
  (void)read_pod_manifest(value);
  return text;
}

}  // namespace rkt::appc
