// SPDX-License-Identifier: Apache-2.0
#include "worker/unpack/protocol.h"

#include <array>
#include <limits>

#include "base/strings.h"
#include "json/reader.h"
#include "json/value.h"

namespace rkt::unpack {
namespace {

constexpr json::Limits kRequestLimits{.bytes = std::size_t{256} << 20, .depth = 8};
constexpr std::array kOperations = {"scan-aci",   "unpack-acis", "unpack-layer", "unpack-layout",
                                    "decompress", "extract-aci", "digest",       "pack-aci"};
constexpr std::array kForms = {"directory", "erofs"};
constexpr std::array kBelow = {"none", "ready", "later"};
constexpr std::array kCodes = {"usage",       "not-found", "busy",    "invalid", "untrusted",
                               "unsupported", "denied",    "network", "system",  "bug"};

template <class Names>
std::size_t index_of(const Names& names, const json::Reader& reader) {
  for (std::size_t i = 0; i < names.size(); ++i)
    if (reader.text() == names[i]) return i;
  reader.fail(cat("unknown value ", quoted(reader.text())));
}

json::Value array_of(const std::vector<std::string>& texts) { return json::Array(texts.begin(), texts.end()); }

std::uint64_t count(const json::Reader& object, std::string_view member) {
  return static_cast<std::uint64_t>(object.at(member).integer(0));
}

int errno_of(const json::Reader& error) {
  const auto number = error.find("errno");
  return number ? static_cast<int>(number->integer(0, 4095)) : 0;
}

// Text for JSON from any bytes: what is no ASCII is shown as \xNN.
std::string printable(std::string_view s) {
  std::string out;
  for (const char c : s) {
    const auto u = static_cast<std::uint8_t>(c);
    if (u >= 0x20 && u < 0x7f)
      out.push_back(c);
    else
      out += cat("\\x", to_hex(std::array{u}));
  }
  return out;
}

}  // namespace

Target target_of(const Request& request) {
  switch (request.operation) {
    case Operation::scan_aci:
    case Operation::digest:
      return Target::none;
    case Operation::decompress:
    case Operation::pack_aci:
      return Target::file;
    case Operation::unpack_acis:
    case Operation::unpack_layer:
      return request.form == Form::erofs ? Target::tree_file : Target::directory;
    case Operation::unpack_layout:
    case Operation::extract_aci:
      return Target::directory;
  }
  return Target::none;
}

std::string encode(const Request& request) {
  json::Array archives;
  for (const auto& a : request.archives) {
    json::Object o;
    o.set("digest", a.digest);
    o.set("diffId", a.diff_id);
    o.set("whitelist", array_of(a.whitelist));
    o.set("upperWhitelist", array_of(a.upper_whitelist));
    archives.emplace_back(std::move(o));
  }
  json::Object top;
  top.set("operation", kOperations.at(static_cast<std::size_t>(request.operation)));
  top.set("form", kForms.at(static_cast<std::size_t>(request.form)));
  top.set("uuid", request.uuid);
  top.set("below", kBelow.at(static_cast<std::size_t>(request.below)));
  top.set("bytes", request.limits.bytes);
  top.set("entries", request.limits.entries);
  top.set("ratio", request.limits.ratio);
  top.set("ratioFree", request.limits.ratio_free);
  top.set("shift", request.shift.first);
  top.set("shiftCount", request.shift.count);
  top.set("archives", std::move(archives));
  return json::write(std::move(top));
}

Request parse_request(std::string_view text) {
  const json::Value value = json::parse(text, kRequestLimits);
  const json::Reader top(value, "unpack request");
  Request out;
  out.operation = static_cast<Operation>(index_of(kOperations, top.at("operation")));
  out.form = static_cast<Form>(index_of(kForms, top.at("form")));
  out.uuid = top.at("uuid").text();
  out.below = static_cast<LayersBelow>(index_of(kBelow, top.at("below")));
  out.limits = {.bytes = count(top, "bytes"),
                .entries = count(top, "entries"),
                .ratio = count(top, "ratio"),
                .ratio_free = count(top, "ratioFree")};
  out.shift = {.first = static_cast<std::uint32_t>(top.at("shift").integer(0, UINT32_MAX)),
               .count = static_cast<std::uint32_t>(top.at("shiftCount").integer(0, UINT32_MAX))};
  if (out.limits.ratio == 0) top.fail("ratio is zero");
  for (const auto& a : top.items("archives"))
    out.archives.push_back({.digest = a.at("digest").text(),
                            .diff_id = a.at("diffId").text(),
                            .whitelist = a.texts("whitelist"),
                            .upper_whitelist = a.texts("upperWhitelist")});
  if (out.archives.empty() || (out.archives.size() > 1 && out.operation != Operation::unpack_acis))
    top.fail("wrong number of archives");
  return out;
}

std::string encode(const Reply& reply) {
  json::Object top;
  top.set("digest", reply.digest);
  top.set("compression", reply.compression);
  top.set("tarSize", reply.tar_size);
  top.set("bytes", reply.bytes);
  top.set("entries", reply.entries);
  top.set("treeDigest", reply.tree_digest);
  top.set("treeSize", reply.tree_size);
  return json::write(std::move(top));
}

std::string encode(const Error& error) {
  json::Object top;
  top.set("error", printable(error.brief().substr(0, 8192)));
  top.set("code", kCodes.at(static_cast<std::size_t>(error.code())));
  top.set("errno", std::int64_t{error.sys_errno()});
  return json::write(std::move(top));
}

Reply parse_reply(std::string_view text) {
  const json::Value value = json::parse(text);
  const json::Reader top(value, "unpack reply");
  if (const auto error = top.find("error"))
    throw Error(static_cast<Errc>(index_of(kCodes, top.at("code"))), error->text()).with_errno(errno_of(top));
  return {.digest = top.at("digest").text(),
          .compression = top.at("compression").text(),
          .tar_size = count(top, "tarSize"),
          .bytes = count(top, "bytes"),
          .entries = count(top, "entries"),
          .tree_digest = top.at("treeDigest").text(),
          .tree_size = count(top, "treeSize")};
}

}  // namespace rkt::unpack
