// SPDX-License-Identifier: Apache-2.0
// Docker's config.json and containers' auth.json: who one is at a registry. What they say is either here or with a
// helper program that has to be asked.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace rkt::config {

struct Account {
  std::string user, password;
  std::string identity_token;  ///< OAuth2 refresh token: instead of a password
};

struct AuthFile {
  std::string path;
  std::map<std::string, Account> accounts;     ///< by HOST[:PORT][/PATH]; Docker Hub is docker.io
  std::map<std::string, std::string> helpers;  ///< credHelpers: HOST[:PORT] -> suffix of docker-credential-SUFFIX
  std::string store;                           ///< credsStore: the same for every registry, or ""
};

/// Throws Errc::invalid naming file and place, never what stands there.
AuthFile parse_auth_file(std::string_view text, const std::string& path);

/// What a file says about an image: at most one of the two is there.
struct AccountAnswer {
  std::optional<Account> account;
  std::string helper;  ///< has to be asked for `server`
  std::string server;
};
/// `host` may be any name of Docker Hub. The longest entry that covers HOST/REPOSITORY counts.
AccountAnswer find_account(const AuthFile& file, const std::string& host, const std::string& repository);

/// The name of Docker Hub's registry in such files, docker.io; others as they are.
std::string account_host(std::string_view host);
/// What a helper is asked for: Docker Hub has a URL of its own.
std::string helper_server(std::string_view host);
/// A helper's answer. Throws Errc::invalid without repeating it.
Account parse_helper_answer(std::string_view text, const std::string& helper);

}  // namespace rkt::config
