// SPDX-License-Identifier: Apache-2.0
#include "schema/appc/environment.h"

#include <algorithm>

#include "base/strings.h"

namespace rkt::appc {

std::vector<EnvVar> compose_environment(const std::vector<EnvVar>& own) {
  static constexpr std::pair<const char*, const char*> kDefaults[] = {
      {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
      {"SHELL", "/bin/sh"},
      {"USER", "root"},
      {"LOGNAME", "root"},
      {"HOME", "/root"}};
  auto out = own;
  for (const auto& [name, value] : kDefaults)
    if (std::ranges::none_of(own, [&](const EnvVar& v) { return v.name == name; })) out.push_back({name, value});
  return out;
}

std::vector<std::string> as_strings(const std::vector<EnvVar>& env) {
  std::vector<std::string> out;
  for (const auto& v : env) out.push_back(cat(v.name, "=", v.value));
  return out;
}

std::string write_env_file(const std::vector<EnvVar>& env) {
  std::string out;
  for (const auto& v : env) {
    out += v.name + '=';
    for (const char c : v.value) {
      if (c == '\n')
        out += "\\n";
      else if (c == '\\')
        out += "\\\\";
      else
        out += c;
    }
    out += '\n';
  }
  return out;
}

std::vector<EnvVar> parse_env_file(std::string_view text) {
  std::vector<EnvVar> out;
  for (const auto line : split(text, '\n')) {
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    EnvVar v{.name = std::string(line.substr(0, equals)), .value = {}};
    for (std::size_t i = equals + 1; i < line.size(); ++i) {
      if (line[i] == '\\' && i + 1 < line.size())
        v.value += line[++i] == 'n' ? '\n' : line[i];
      else
        v.value += line[i];
    }
    out.push_back(std::move(v));
  }
  return out;
}

}  // namespace rkt::appc
