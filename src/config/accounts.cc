// SPDX-License-Identifier: Apache-2.0
#include "config/accounts.h"

#include "base/base64.h"
#include "base/error.h"
#include "base/strings.h"
#include "json/reader.h"

namespace rkt::config {
namespace {

constexpr std::string_view kHub = "docker.io";

// "https://index.docker.io/v1/", "registry.example.com", "registry.example.com/team": old entries are URLs, whose path
// is that of the API.
std::string normalized_key(std::string_view key) {
  bool url = false;
  for (const std::string_view scheme : {"https://", "http://"})
    if (key.starts_with(scheme)) {
      key.remove_prefix(scheme.size());
      url = true;
    }
  while (key.ends_with('/')) key.remove_suffix(1);
  const auto slash = key.find('/');
  const std::string host = account_host(key.substr(0, slash));
  return url || slash == std::string_view::npos ? host : cat(host, key.substr(slash));
}

// Only the innermost frame of an error reaches the user, so it has to name the file itself.
json::Value parse_named(std::string_view text, const std::string& what) {
  return in_place([&] { return what; }, [&] { return json::parse(text); });
}

// nullopt: an empty entry, which says that the store has it.
std::optional<Account> read_account(const json::Reader& in) {
  Account out{in.text_or("username", ""), in.text_or("password", ""), in.text_or("identitytoken", "")};
  if (const std::string encoded = in.text_or("auth", ""); !encoded.empty()) {
    const auto plain = base64_decode(trim(encoded));
    const auto colon = plain ? plain->find(':') : std::string::npos;
    if (colon == std::string::npos) in.at("auth").fail("not the base64 form of USER:PASSWORD");
    out.user = plain->substr(0, colon);
    out.password = plain->substr(colon + 1);
    while (out.password.ends_with('\0')) out.password.pop_back();
  }
  if (out.user.empty() && out.identity_token.empty()) return std::nullopt;
  return out;
}

void check_helper(const json::Reader& in, const std::string& name) {
  if (name.find('/') != std::string::npos || name.find('\0') != std::string::npos)
    in.fail(cat("no name of a helper: ", quoted(name)));
}

}  // namespace

std::string account_host(std::string_view host) {
  const bool hub = host == "index.docker.io" || host == "registry-1.docker.io" || host == kHub;
  return std::string(hub ? kHub : host);
}

std::string helper_server(std::string_view host) {
  return account_host(host) == kHub ? "https://index.docker.io/v1/" : std::string(host);
}

AuthFile parse_auth_file(std::string_view text, const std::string& path) {
  const json::Value value = parse_named(text, path);
  const json::Reader in(value, path);
  AuthFile out;
  out.path = path;
  if (const auto auths = in.find("auths"))
    for (const auto& [key, entry] : auths->members())
      if (auto account = read_account(entry)) out.accounts.insert_or_assign(normalized_key(key), *std::move(account));
  if (const auto helpers = in.find("credHelpers"))
    for (const auto& [key, entry] : helpers->members()) {
      check_helper(entry, entry.text());
      if (!entry.text().empty()) out.helpers.insert_or_assign(normalized_key(key), entry.text());
    }
  if (const auto store = in.find("credsStore")) {
    check_helper(*store, store->text());
    out.store = store->text();
  }
  return out;
}

AccountAnswer find_account(const AuthFile& file, const std::string& host, const std::string& repository) {
  const std::string name = account_host(host);
  const std::string full = cat(name, "/", repository);
  for (std::size_t end = full.size(); end != std::string::npos && end != 0; end = full.rfind('/', end - 1)) {
    const std::string key = full.substr(0, end);
    if (const auto helper = file.helpers.find(key); helper != file.helpers.end())
      return {.account = {}, .helper = helper->second, .server = end == name.size() ? helper_server(name) : key};
    if (const auto found = file.accounts.find(key); found != file.accounts.end())
      return {.account = found->second, .helper = {}, .server = {}};
  }
  if (file.store.empty()) return {};
  return {.account = {}, .helper = file.store, .server = helper_server(name)};
}

Account parse_helper_answer(std::string_view text, const std::string& helper) {
  const std::string what = cat("answer of docker-credential-", helper);
  const json::Value value = parse_named(text, what);
  const json::Reader in(value, what);
  std::string user = in.at("Username").text(), secret = in.at("Secret").text();
  if (user == "<token>") return {.user = {}, .password = {}, .identity_token = std::move(secret)};
  return {.user = std::move(user), .password = std::move(secret), .identity_token = {}};
}

}  // namespace rkt::config
