// SPDX-License-Identifier: Apache-2.0
// Texts are the reference's: scripts and people search for them.
#include "config/kinds.h"

#include <array>

#include "base/error.h"
#include "base/strings.h"

namespace rkt::config {
namespace {

[[noreturn]] void refuse(std::string text) { throw Error(Errc::invalid, std::move(text)); }

// A member of `credentials`; an absent object has empty members.
std::string credential(const json::Reader& document, std::string_view member) {
  const auto credentials = document.find("credentials");
  return credentials ? credentials->text_or(member, "") : std::string();
}

std::string required(const json::Reader& document, std::string_view member, const char* complaint) {
  std::string value = credential(document, member);
  if (value.empty()) refuse(complaint);
  return value;
}

std::string user_of(const json::Reader& document) { return required(document, "user", "user not specified"); }
std::string password_of(const json::Reader& document) {
  return required(document, "password", "password not specified");
}

Auth read_auth(const json::Reader& document) {
  const std::string type = document.text_or("type", "");
  if (type.empty()) refuse("no auth type specified");
  Auth auth;
  if (type == "basic") {
    auth.type = Auth::Type::basic;
    auth.user = user_of(document);
    auth.password = password_of(document);
  } else if (type == "oauth") {
    auth.type = Auth::Type::oauth;
    auth.token = required(document, "token", "no oauth bearer token specified");
  } else if (type == "aws") {
    auth.type = Auth::Type::aws;
    auth.access_key = required(document, "accessKeyID", "no AWS Access Key ID specified");
    auth.secret_key = required(document, "secretAccessKey", "no AWS Secret Access Key specified");
    auth.region = credential(document, "awsRegion");
  } else {
    refuse(cat("unknown auth type: ", quoted(type)));
  }
  return auth;
}

void parse_auth(Config& config, const json::Reader& document) {
  const auto domains = document.texts("domains");
  if (domains.empty()) refuse("no domains specified");
  const Auth auth = read_auth(document);
  for (const auto& domain : domains)
    if (!config.auth.emplace(domain, auth).second)
      refuse(cat("auth for domain ", quoted(domain), " is already specified"));
}

void parse_docker_auth(Config& config, const json::Reader& document) {
  const auto registries = document.texts("registries");
  if (registries.empty()) refuse("no registries specified");
  std::string user = user_of(document);
  const DockerLogin credentials{.user = std::move(user), .password = password_of(document)};
  for (const auto& registry : registries)
    if (!config.docker_auth.emplace(registry, credentials).second)
      refuse(cat("credentials for docker registry ", quoted(registry), " are already specified"));
}

void set_path(std::string& item, const json::Reader& document, std::string_view member, std::string_view what) {
  const std::string value = document.text_or(member, "");
  if (value.empty()) return;
  if (!item.empty()) refuse(cat(what, " is already specified"));
  if (value.front() != '/') refuse(cat(what, " must be an absolute path"));
  item = value;
}

void parse_paths(Config& config, const json::Reader& document) {
  set_path(config.data, document, "data", "data directory");
  set_path(config.stage1_images, document, "stage1-images", "stage1 images directory");
}

[[noreturn]] void refuse_stage1(std::string_view why) { refuse(cat("invalid stage1 configuration: ", why)); }

// RFC 3986: a letter, then letters, digits, "+", "-" or "."; "" when there is none.
std::string scheme_of(std::string_view url) {
  const std::string scheme = lower(url.substr(0, url.find(':')));
  const bool usable = scheme.size() < url.size() &&
                      scheme.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789+-.") == std::string::npos &&
                      !scheme.empty() && scheme.front() >= 'a';
  return usable ? scheme : std::string();
}

void check_location(const std::string& location) {
  if (location.empty() || location.front() == '/') return;
  const std::string scheme = scheme_of(location);
  if (scheme.empty()) refuse_stage1("default stage1 image location is either a relative path or a URL without scheme");
  constexpr std::array<std::string_view, 4> kAllowed = {"docker", "file", "http", "https"};
  for (const auto allowed : kAllowed)
    if (scheme == allowed) return;
  // The list is quoted as one string, as the reference does it.
  refuse_stage1(cat("default stage1 image location URL has invalid scheme ", quoted(scheme), ", allowed schemes are ",
                    quoted("docker\", \"file\", \"http\", \"https")));
}

void parse_stage1(Config& config, const json::Reader& document) {
  const std::string name = document.text_or("name", ""), version = document.text_or("version", "");
  const std::string location = document.text_or("location", "");
  if (name.empty() && !version.empty()) refuse_stage1("default stage1 image version specified, but name is missing");
  if (!name.empty() && version.empty()) refuse_stage1("default stage1 image name specified, but version is missing");
  check_location(location);
  if (!name.empty()) {
    if (!config.stage1_name.empty()) refuse("name and version of a default stage1 image are already specified");
    config.stage1_name = name;
    config.stage1_version = version;
  }
  if (!location.empty()) {
    if (!config.stage1_location.empty()) refuse("location of a default stage1 image is already specified");
    config.stage1_location = location;
  }
}

}  // namespace

Parse find_parser(std::string_view kind, std::string_view version) {
  if (version != "v1") return nullptr;
  if (kind == "auth") return parse_auth;
  if (kind == "dockerAuth") return parse_docker_auth;
  if (kind == "paths") return parse_paths;
  return kind == "stage1" ? parse_stage1 : nullptr;
}

}  // namespace rkt::config
