// SPDX-License-Identifier: Apache-2.0
#include "schema/appc/types.h"

#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <span>

#include "base/error.h"
#include "base/strings.h"

namespace rkt::appc {
namespace {

constexpr std::string_view kIdentifierExtra = "-._~/";
constexpr std::string_view kNameExtra = "-";

bool lower_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

std::string check(std::string_view text, std::string_view extra, std::string_view type) {
  if (text.empty()) throw Error(Errc::invalid, cat(type, " cannot be empty"));
  for (const char c : text)
    if (!lower_alnum(c) && extra.find(c) == std::string_view::npos)
      throw Error(Errc::invalid,
                  cat(type, " must contain only lower case alphanumeric characters plus ", quoted(extra)));
  if (!lower_alnum(text.front()) || !lower_alnum(text.back()))
    throw Error(Errc::invalid, cat(type, " must start and end with only lower case alphanumeric characters"));
  return std::string(text);
}

std::string sanitized(std::string_view text, std::string_view extra, char replacement) {
  std::string out = lower(text);
  for (char& c : out)
    if (!lower_alnum(c) && extra.find(c) == std::string_view::npos) c = replacement;
  const auto first = std::find_if(out.begin(), out.end(), lower_alnum);
  if (first == out.end()) throw Error(Errc::invalid, "must contain at least one valid character");
  const auto last = std::find_if(out.rbegin(), out.rend(), lower_alnum).base();
  return {first, last};
}

// What can run on linux, in the order in which the reference prints it.
constexpr std::array<std::string_view, 10> kLinuxArchs = {"amd64",  "i386",   "aarch64", "aarch64_be", "armv6l",
                                                          "armv7l", "armv7b", "ppc64le", "s390x",      "riscv64"};

std::string bracketed(std::span<const std::string_view> items) {
  std::string out = "[";
  for (const auto& i : items) out += cat(out.size() > 1 ? " " : "", i);
  return out + "]";
}

bool is_rfc3339(std::string_view s) {
  static constexpr std::string_view kShape = "0000-00-00T00:00:00";
  if (s.size() < kShape.size() + 1) return false;
  for (std::size_t i = 0; i < kShape.size(); ++i) {
    const bool digit = s[i] >= '0' && s[i] <= '9';
    if (kShape[i] == '0' ? !digit : s[i] != kShape[i]) return false;
  }
  return s.ends_with('Z') || s.find_last_of("+-") >= kShape.size();
}

}  // namespace

AcIdentifier AcIdentifier::parse(std::string_view text) {
  return AcIdentifier(check(text, kIdentifierExtra, "ACIdentifier"));
}
AcIdentifier AcIdentifier::sanitize(std::string_view text) {
  return AcIdentifier(sanitized(text, kIdentifierExtra, '_'));
}
AcName AcName::parse(std::string_view text) { return AcName(check(text, kNameExtra, "ACName")); }
AcName AcName::sanitize(std::string_view text) { return AcName(sanitized(text, kNameExtra, '-')); }
AcName AcName::from_image_name(std::string_view image_name) {
  return sanitize(image_name.substr(image_name.find_last_of('/') + 1));
}

std::optional<ImageId> ImageId::parse(std::string_view text) {
  const auto parts = split(text, '-');
  if (parts.size() != 2 || parts[0] != "sha512" || parts[1].empty()) return std::nullopt;
  return ImageId(std::string(text));
}

std::string ImageId::complaint(std::string_view text) {
  const auto parts = split(text, '-');
  if (parts.size() != 2) return "badly formatted hash string";
  if (parts[0] != "sha512") return cat("unrecognized hash type: ", parts[0]);
  return "unexpected empty hash value";
}

ImageId ImageId::from_digest(std::string_view hex_sha512) {
  if (hex_sha512.size() != 128) throw Error(Errc::bug, cat(quoted(hex_sha512), " is no SHA-512 digest"));
  return ImageId(cat("sha512-", hex_sha512));
}

const std::string* find_label(const Labels& labels, std::string_view name) {
  const auto it = std::find_if(labels.begin(), labels.end(), [&](const Label& l) { return l.name == name; });
  return it == labels.end() ? nullptr : &it->value;
}

void check_annotation(const Annotation& annotation) {
  const auto& [name, value] = annotation;
  const bool url = name == "homepage" || name == "documentation";
  if (url && !value.starts_with("http://") && !value.starts_with("https://"))
    throw Error(Errc::invalid, "bad URL scheme, must be http/https");
  if (name == "created" && !is_rfc3339(value))
    throw Error(Errc::invalid, cat("bad date ", quoted(value), ", must be RFC 3339"));
}

const std::string* find_annotation(const std::vector<Annotation>& annotations, std::string_view name) {
  const auto it =
      std::find_if(annotations.begin(), annotations.end(), [&](const Annotation& a) { return a.name == name; });
  return it == annotations.end() ? nullptr : &it->value;
}

const std::string* find_app_flag(const std::vector<Annotation>& annotations, std::string_view flag) {
  return find_annotation(annotations, cat(kAppFlag, flag));
}

bool valid_env_name(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  if (name.empty() || !letter(name[0])) return false;
  return std::all_of(name.begin(), name.end(),
                     [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '-'; });
}

std::string host_os() { return "linux"; }

std::string host_arch() {
  utsname u{};
  if (::uname(&u) < 0) throw Error::from_errno("read the machine's architecture");
  const std::string_view machine = u.machine;
  if (machine == "x86_64") return "amd64";
  if (machine.size() == 4 && machine[0] == 'i' && machine.ends_with("86")) return "i386";
  if (machine == "armv8l") return "armv7l";
  return std::string(machine);  // aarch64, armv7l, ppc64le, s390x, riscv64 are named alike
}

void check_runnable(const Labels& labels) {
  const std::string* os = find_label(labels, "os");
  const std::string* arch = find_label(labels, "arch");
  if (os == nullptr) throw Error(Errc::invalid, "missing os label in the image manifest");
  if (arch == nullptr) throw Error(Errc::invalid, "missing arch label in the image manifest");
  if (*os != "linux") throw Error(Errc::invalid, cat("bad os ", quoted(*os), " (must be one of: [linux])"));
  if (std::find(kLinuxArchs.begin(), kLinuxArchs.end(), *arch) == kLinuxArchs.end())
    throw Error(Errc::invalid,
                cat("bad arch ", quoted(*arch), " for linux (must be one of: ", bracketed(kLinuxArchs), ")"));
}

std::optional<std::string> arch_from_oci(std::string_view arch, std::string_view variant) {
  if (arch == "386") return "i386";
  if (arch == "arm64") return "aarch64";
  if (arch == "arm") return variant == "v6" || variant == "v5" ? "armv6l" : "armv7l";
  for (const std::string_view same : {"amd64", "ppc64le", "s390x", "riscv64"})
    if (arch == same) return std::string(same);
  return std::nullopt;
}

OciPlatform host_platform() {
  const std::string arch = host_arch();
  if (arch == "i386") return {"linux", "386", ""};
  if (arch == "aarch64") return {"linux", "arm64", "v8"};
  if (arch == "armv6l") return {"linux", "arm", "v6"};
  if (arch == "armv7l") return {"linux", "arm", "v7"};
  return {"linux", arch, ""};
}

AppString AppString::parse(std::string_view text) {
  const auto fail = [&](std::string_view why) {
    return Error(Errc::invalid, cat("invalid appc image string ", quoted(text), ": ", why));
  };
  const auto colon = text.find(':'), comma = text.find(',');
  if (colon != std::string_view::npos && text.find(':', colon + 1) != std::string_view::npos)
    throw fail("malformed app string - colon may appear at most once");
  if (colon != std::string_view::npos && comma != std::string_view::npos && comma < colon)
    throw fail("malformed app string - colon may appear only right after the app name");
  const auto pieces = split(text, ',');
  AppString out;
  std::string_view head = pieces[0];
  std::vector<std::pair<std::string_view, std::string_view>> labels;
  if (colon != std::string_view::npos) {
    labels.emplace_back("version", head.substr(colon + 1));
    head = head.substr(0, colon);
  }
  for (const auto piece : std::span(pieces).subspan(1)) {
    const auto equals = piece.find('=');
    if (equals == std::string_view::npos)
      throw fail(cat("malformed string ", quoted(cat("name=", text)), " - has a label without a value: ", piece));
    labels.emplace_back(piece.substr(0, equals), piece.substr(equals + 1));
  }
  out.name = AcIdentifier::parse(head).str();
  for (const auto& [name, value] : labels) {
    const std::string key = AcIdentifier::parse(name).str();
    if (key == "name") throw fail("invalid label name: \"name\"");
    const auto [it, fresh] = out.labels.emplace(key, value);
    if (!fresh) throw fail(cat("label ", key, " with multiple values [", quoted(it->second), " ", quoted(value), "]"));
  }
  return out;
}

std::string AppString::str() const {
  std::string out = name;
  if (const auto v = labels.find("version"); v != labels.end()) out += cat(":", v->second);
  for (const std::string_view first : {"os", "arch"})
    if (const auto l = labels.find(std::string(first)); l != labels.end()) out += cat(",", first, "=", l->second);
  for (const auto& [k, v] : labels)
    if (k != "version" && k != "os" && k != "arch") out += cat(",", k, "=", v);
  return out;
}

}  // namespace rkt::appc
