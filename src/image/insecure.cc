// SPDX-License-Identifier: Apache-2.0
#include "image/insecure.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/strings.h"

namespace rkt::image {
namespace {

using Switch = bool Insecure::*;

struct Option {
  std::string_view name;
  std::vector<Switch> turns_off;
};

const std::array<Option, 12>& options() {
  static const std::array<Option, 12> table = {{
      {"none", {}},
      {"image", {&Insecure::image}},
      {"tls", {&Insecure::tls}},
      {"ondisk", {&Insecure::ondisk}},
      {"http", {&Insecure::http}},
      {"pubkey", {&Insecure::pubkey}},
      {"capabilities", {&Insecure::capabilities}},
      {"paths", {&Insecure::paths}},
      {"seccomp", {&Insecure::seccomp}},
      {"all-fetch", {&Insecure::image, &Insecure::tls, &Insecure::http, &Insecure::pubkey}},
      {"all-run", {&Insecure::capabilities, &Insecure::paths, &Insecure::seccomp}},
      {"all",
       {&Insecure::image, &Insecure::tls, &Insecure::http, &Insecure::pubkey, &Insecure::ondisk,
        &Insecure::capabilities, &Insecure::paths, &Insecure::seccomp}},
  }};
  return table;
}

}  // namespace

Insecure Insecure::parse(std::string_view text) {
  Insecure out;
  if (text.empty()) return out;
  std::vector<std::string> seen;
  for (const auto piece : split(text, ',')) {
    const std::string name = lower(piece);
    const auto& table = options();
    const auto option = std::find_if(table.begin(), table.end(), [&](const Option& o) { return o.name == name; });
    if (option == table.end()) throw Error(Errc::usage, cat("unknown option ", quoted(name)));
    if (std::find(seen.begin(), seen.end(), name) != seen.end())
      throw Error(Errc::usage, cat("duplicated option ", quoted(name)));
    seen.push_back(name);
    for (const Switch check : option->turns_off) out.*check = true;
  }
  return out;
}

std::vector<std::string> fetch_warnings(const Insecure& insecure) {
  std::vector<std::string> out;
  if (insecure.image) out.emplace_back("warning: image signature verification has been disabled");
  if (insecure.tls) out.emplace_back("warning: TLS verification has been disabled");
  if (insecure.http) out.emplace_back("warning: discovery and registries may use plain http");
  if (insecure.pubkey && (insecure.tls || insecure.http))
    out.emplace_back("warning: signing keys may come over connections that are not verified");
  return out;
}

std::vector<std::string> tree_warnings(const Insecure& insecure) {
  std::vector<std::string> out;
  if (insecure.ondisk) out.emplace_back("warning: trees of images are used without looking whether they were changed");
  return out;
}

std::vector<std::string> run_warnings(const Insecure& insecure) {
  std::vector<std::string> out;
  if (insecure.capabilities) out.emplace_back("warning: capabilities of apps are not restricted");
  if (insecure.paths) out.emplace_back("warning: paths in /proc and /sys are not protected");
  if (insecure.seccomp) out.emplace_back("warning: system calls of apps are not filtered");
  return out;
}

}  // namespace rkt::image
