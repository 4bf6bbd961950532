// SPDX-License-Identifier: Apache-2.0
// Names and small types of the appc specification 0.8.11, validated when built. Error texts are the reference's
// ("ACIdentifier cannot be empty", …): scripts match them.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rkt::appc {

/// [a-z0-9-._~/], alphanumeric at both ends. Image, label, annotation and isolator names.
class AcIdentifier {
 public:
  static AcIdentifier parse(std::string_view text);  ///< throws Errc::invalid
  static AcIdentifier sanitize(
      std::string_view text);  ///< lower case, other characters "_", edges stripped; throws when nothing is left
  const std::string& str() const noexcept { return s_; }
  auto operator<=>(const AcIdentifier&) const = default;

 private:
  explicit AcIdentifier(std::string s) : s_(std::move(s)) {}
  std::string s_;
};

/// [a-z0-9-], no dash at either end. App, port, mount point and volume names.
class AcName {
 public:
  static AcName parse(std::string_view text);
  static AcName sanitize(std::string_view text);  ///< other characters become "-"
  /// The default app name: the last component of an image name, sanitised.
  static AcName from_image_name(std::string_view image_name);
  const std::string& str() const noexcept { return s_; }
  auto operator<=>(const AcName&) const = default;

 private:
  explicit AcName(std::string s) : s_(std::move(s)) {}
  std::string s_;
};

/// "sha512-" and hex digits. An image ID has 128; a store key the first 64 of them.
class ImageId {
 public:
  /// The syntax test of the reference: two parts around the only "-", the first "sha512", the second not empty. nullopt
  /// otherwise.
  static std::optional<ImageId> parse(std::string_view text);
  /// What is wrong with a text that parse() refuses.
  static std::string complaint(std::string_view text);
  static ImageId from_digest(std::string_view hex_sha512);  ///< 128 hex digits
  const std::string& str() const noexcept { return s_; }
  std::string key() const { return s_.substr(0, 71); }  ///< the store key, what users see as the full ID
  std::string short_fetch() const { return s_.substr(0, 39); }
  std::string short_list() const { return s_.substr(0, 19); }
  auto operator<=>(const ImageId&) const = default;

 private:
  explicit ImageId(std::string s) : s_(std::move(s)) {}
  std::string s_;
};

struct Label {
  std::string name, value;
  bool operator==(const Label&) const = default;
};
using Labels = std::vector<Label>;
const std::string* find_label(const Labels& labels, std::string_view name);

struct Annotation {
  std::string name, value;
  bool operator==(const Annotation&) const = default;
};
/// Throws Errc::invalid for a value that its name does not allow: "homepage", "documentation", "created".
void check_annotation(const Annotation& annotation);
const std::string* find_annotation(const std::vector<Annotation>& annotations, std::string_view name);
/// Of an app: what a flag of its command line says to stage1. Named by this and the flag's name.
inline constexpr std::string_view kAppFlag = "coreos.com/rkt/stage2/";
const std::string* find_app_flag(const std::vector<Annotation>& annotations, std::string_view flag);
/// Of an image: the signal that asks its app to end (Docker's StopSignal; OCI's name in lower case, as appc wants it).
inline constexpr std::string_view kStopSignal = "org.opencontainers.image.stopsignal";
/// Of a Docker image whose configuration names a group that is written like its user ("1000:1000"): that text. Without
/// it, a group equal to the user stands for none.
inline constexpr std::string_view kDockerUser = "appc.io/docker/user";

struct EnvVar {
  std::string name, value;
  bool operator==(const EnvVar&) const = default;
};
/// ^[A-Za-z_][A-Za-z_0-9.-]*$
bool valid_env_name(std::string_view name);

/// "linux" and the appc name of this machine's architecture ("amd64", "aarch64", …).
std::string host_os();
std::string host_arch();
/// Throws the reference's "bad os …" / "bad arch …" when this pair cannot run here; missing labels are errors too.
void check_runnable(const Labels& labels);
/// GOOS/GOARCH(/variant) of Docker and OCI -> appc arch; nullopt when unknown. And back.
std::optional<std::string> arch_from_oci(std::string_view arch, std::string_view variant);
struct OciPlatform {
  std::string os, arch, variant;
};
OciPlatform host_platform();

/// app = name [":" version] *("," label "=" value). Throws with the reference's texts (images §2.1).
struct AppString {
  std::string name;
  std::map<std::string, std::string> labels;
  static AppString parse(std::string_view text);
  std::string str() const;  ///< name[:version] then os, arch, then the other labels sorted
};

}  // namespace rkt::appc
