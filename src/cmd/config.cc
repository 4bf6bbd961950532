// SPDX-License-Identifier: Apache-2.0
#include "base/strings.h"
#include "cli/env.h"
#include "cmd/registry.h"
#include "json/value.h"

namespace rkt::cmd {
namespace {

json::Object entry(const char* kind) {
  json::Object o;
  o.set("rktVersion", "v1");
  o.set("rktKind", kind);
  return o;
}

json::Object user_password(const std::string& user, const std::string& password) {
  json::Object o;
  o.set("user", user);
  o.set("password", password);
  return o;
}

json::Object auth_entry(const std::string& domain, const config::Auth& auth) {
  json::Object o = entry("auth"), credentials;
  o.set("domains", json::Array{json::Value(domain)});
  switch (auth.type) {
    case config::Auth::Type::basic:
      o.set("type", "basic");
      credentials = user_password(auth.user, auth.password);
      break;
    case config::Auth::Type::oauth:
      o.set("type", "oauth");
      credentials.set("token", auth.token);
      break;
    case config::Auth::Type::aws:
      o.set("type", "aws");
      credentials.set("accessKeyID", auth.access_key);
      credentials.set("secretAccessKey", auth.secret_key);
      if (!auth.region.empty()) credentials.set("awsRegion", auth.region);
      break;
  }
  o.set("credentials", std::move(credentials));
  return o;
}

int print_config(cli::Env& env, const cli::Parsed& in) {
  const config::Config& c = env.config();
  json::Array entries;
  for (const auto& [domain, auth] : c.auth) entries.emplace_back(auth_entry(domain, auth));
  for (const auto& [registry, login] : c.docker_auth) {
    json::Object o = entry("dockerAuth");
    o.set("registries", json::Array{json::Value(registry)});
    o.set("credentials", user_password(login.user, login.password));
    entries.emplace_back(std::move(o));
  }
  json::Object paths = entry("paths"), stage1 = entry("stage1");
  paths.set("data", c.data);
  paths.set("stage1-images", c.stage1_images);
  stage1.set("name", c.stage1_name);
  stage1.set("version", c.stage1_version);
  stage1.set("location", c.stage1_location);
  entries.emplace_back(std::move(paths));
  entries.emplace_back(std::move(stage1));
  json::Object top;
  top.set("stage0", std::move(entries));
  env.out(cat(json::write(top, in.on("pretty-print") ? json::Style::pretty : json::Style::compact), "\n"));
  return 0;
}

}  // namespace

const cli::Command config{
    .name = "config",
    .args = {},
    .brief = "Print configuration for each stage in JSON format",
    .description = {},
    .flags = [] { return cli::Flags{cli::toggle("pretty-print", true, "apply indent to format the output")}; },
    .run = print_config};

}  // namespace rkt::cmd
