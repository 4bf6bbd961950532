// SPDX-License-Identifier: Apache-2.0
#include "worker/unpack/names.h"

#include <climits>

#include "base/error.h"
#include "base/strings.h"

namespace rkt::unpack {
namespace {

constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kMeta = ".wh..wh.";  // aufs bookkeeping; its one member with a meaning is the opaque marker
constexpr std::string_view kOpaque = ".wh..wh..opq";

[[noreturn]] void refuse(std::string_view raw, std::string_view why) {
  throw Error(Errc::invalid, cat("archive entry ", quoted(raw), " ", why));
}

std::string clean_components(std::string_view raw) {
  std::string out;
  for (const auto part : split(raw, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") refuse(raw, "has a \"..\" component");
    if (part.size() > NAME_MAX) refuse(raw.substr(0, 64), "has a component that is too long");
    if (!out.empty()) out.push_back('/');
    out.append(part);
  }
  if (out.size() >= PATH_MAX) refuse(raw.substr(0, 64), "has a name that is too long");
  return out;
}

}  // namespace

std::string clean_name(std::string_view raw) {
  if (raw.empty()) refuse(raw, "has an empty name");
  if (raw.contains('\0')) refuse(raw, "has a zero byte in its name");
  return clean_components(raw);
}

std::string clean_link_target(std::string_view raw) {
  std::string out = clean_components(raw);
  if (out.empty()) refuse(raw, "is the target of a hard link and names no file");
  return out;
}

std::pair<std::string_view, std::string_view> split_name(std::string_view clean) {
  const auto slash = clean.rfind('/');
  if (slash == std::string_view::npos) return {std::string_view(), clean};
  return {clean.substr(0, slash), clean.substr(slash + 1)};
}

bool is_within(std::string_view path, std::string_view dir) {
  if (dir.empty()) return true;
  return path.starts_with(dir) && (path.size() == dir.size() || path[dir.size()] == '/');
}

Whiteout parse_whiteout(std::string_view clean) {
  const auto [dir, name] = split_name(clean);
  for (const auto part : split(dir, '/')) {
    if (part.starts_with(kMeta)) return {Whiteout::Kind::bookkeeping, {}};
    if (part.starts_with(kWhiteout)) refuse(clean, "lies below a whiteout name");
  }
  if (!name.starts_with(kWhiteout)) return {};
  if (name == kOpaque) return {Whiteout::Kind::opaque, std::string(dir)};
  if (name.starts_with(kMeta)) return {Whiteout::Kind::bookkeeping, {}};
  const std::string_view hidden = name.substr(kWhiteout.size());
  // ".wh..." would name the parent directory: removing that is how a layer could reach out of its directory.
  if (hidden.empty() || hidden == "." || hidden == "..") refuse(clean, "is a whiteout that names no file");
  return {Whiteout::Kind::hides, dir.empty() ? std::string(hidden) : cat(dir, "/", hidden)};
}

}  // namespace rkt::unpack
