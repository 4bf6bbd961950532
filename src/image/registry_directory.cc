// SPDX-License-Identifier: Apache-2.0
#include "image/registry_directory.h"

#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "image/credential_helper.h"
#include "sys/file.h"

namespace rkt::image {
namespace {

constexpr std::size_t kMaxAuthFile = std::size_t{4} << 20;

bool is_there(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

std::optional<std::string> read_optional(const std::string& path, bool required) {
  try {
    return read_file(path, kMaxAuthFile);
  } catch (const Error& e) {
    const bool missing = e.code() == Errc::not_found || e.sys_errno() == ENOTDIR;  // HOME=/dev/null
    if (!missing || required) throw;
    return std::nullopt;
  }
}

// Whether the first component is a registry (images §4.1).
bool names_a_registry(const std::string& typed) {
  const auto slash = typed.find('/');
  if (slash == std::string::npos) return false;
  const std::string first = typed.substr(0, slash);
  return first == "localhost" || first.find_first_of(".:") != std::string::npos;
}

}  // namespace

std::string contacted_host(const std::string& host) {
  return config::account_host(host) == "docker.io" ? "registry-1.docker.io" : host;
}

RegistryDirectory::RegistryDirectory(const config::Config& config) : config_(config) {}

const config::ToolPlaces& RegistryDirectory::places() {
  if (!places_) places_ = config::tool_places(env, ::geteuid(), is_there);
  return *places_;
}

const config::Registries& RegistryDirectory::registries() {
  if (!registries_) registries_ = config::load_registries(places());
  return *registries_;
}

std::vector<std::string> RegistryDirectory::references(const std::string& typed) {
  if (names_a_registry(typed)) return {typed};
  auto found = config::short_name_candidates(registries(), typed);
  if (found.empty()) return {typed};
  return found;
}

std::vector<config::PullSource> RegistryDirectory::sources(const oci::Reference& ref) {
  return config::pull_sources(
      registries(),
      {.host = config::account_host(ref.host), .repository = ref.repository, .tag = ref.tag, .digest = ref.digest});
}

std::optional<config::Account> RegistryDirectory::account(const std::string& host, const std::string& repository) {
  if (const auto* login = config::find_docker_login(config_, host))
    return config::Account{.user = login->user, .password = login->password, .identity_token = {}};
  // One that fails is no reason not to ask the next, but why nobody is known.
  std::optional<Error> failure;
  for (const auto& helper : registries().helpers) {
    try {
      auto found = helper == config::Registries::kAuthFiles ? account_in_files(host, repository)
                                                            : ask_helper(helper, config::helper_server(host));
      if (found) return found;
    } catch (const Error& e) {
      if (!failure) failure = e;
    }
  }
  if (failure) throw *failure;
  return std::nullopt;
}

std::optional<config::Account> RegistryDirectory::account_in_files(const std::string& host,
                                                                   const std::string& repository) {
  for (const auto& path : places().auth_files) {
    const auto text = read_optional(path, places().auth_required);
    if (!text) continue;
    auto answer = config::find_account(config::parse_auth_file(*text, path), host, repository);
    if (!answer.helper.empty()) answer.account = ask_helper(answer.helper, answer.server);
    if (answer.account) return answer.account;
  }
  return std::nullopt;
}

RegistryAccess RegistryDirectory::access(const config::PullSource& source, const std::string& asked) {
  RegistryAccess out;
  out.insecure = source.insecure;
  const bool itself = config::account_host(lower(asked)) == lower(source.host);
  out.account = account(itself ? asked : source.host, source.repository).value_or(config::Account{});
  out.certificates = config::load_certificates(places().certificates, source.host);
  if (source.insecure && std::ranges::find(warned_, source.host) == warned_.end()) {
    log::note("image", cat("warning: TLS verification has been disabled for registry ", quoted(source.host), " by ",
                           source.file));
    warned_.push_back(source.host);
  }
  return out;
}

}  // namespace rkt::image
