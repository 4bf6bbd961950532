// SPDX-License-Identifier: Apache-2.0
// rkt's own configuration, and files of other tools about registries: registries.conf (TOML), auth.json and
// config.json, a helper's answer.
#include "config/accounts.h"
#include "config/kinds.h"
#include "config/registries.h"
#include "tests/fuzz/fuzz.h"

void fuzz_one(std::string_view bytes) {
  using rkt::fuzz::require;
  using rkt::fuzz::tolerate;
  namespace config = rkt::config;
  tolerate([&] {
    config::Registries registries;
    config::add_registries(registries, bytes, "f");
    for (const auto& [prefix, rule] : registries.rules)
      for (const bool by_digest : {false, true})
        tolerate([&] {
          const auto sources = config::pull_sources(registries, {.host = prefix,
                                                                 .repository = "a/b",
                                                                 .tag = by_digest ? "" : "t",
                                                                 .digest = by_digest ? "sha256:0" : ""});
          require(!sources.empty() && !sources.back().mirror);
          for (const auto& source : sources) require(!source.repository.empty());
        });
    tolerate([&] {
      for (const auto& name : config::short_name_candidates(registries, "app:1")) require(name.ends_with(":1"));
    });
  });
  tolerate([&] {
    const auto file = config::parse_auth_file(bytes, "f");
    for (const auto& [host, account] : file.accounts) {
      require(!account.user.empty() || !account.identity_token.empty());
      config::find_account(file, host, "a/b");
    }
  });
  tolerate([&] { config::parse_helper_answer(bytes, "h"); });
  tolerate([&] {
    const auto value = rkt::json::parse(bytes);
    for (const char* kind : {"auth", "dockerAuth", "paths", "stage1"})
      tolerate([&] {
        config::Config c;
        config::find_parser(kind, "v1")(c, rkt::json::Reader(value, "f", rkt::json::Reader::Case::any));
        require(c.data.empty() || c.data.front() == '/');
      });
  });
}
