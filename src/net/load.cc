// SPDX-License-Identifier: Apache-2.0
#include "net/load.h"

#include <sys/stat.h>

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "sys/dir.h"
#include "sys/file.h"

namespace rkt::net {
namespace {

constexpr std::size_t kConfigLimit = std::size_t{1} << 20;

constexpr const char* kDefault = R"({
  "cniVersion": "0.4.0",
  "name": "default",
  "type": "ptp",
  "ipMasq": true,
  "ipam": {
    "type": "host-local",
    "subnet": "172.16.28.0/24",
    "routes": [{"dst": "0.0.0.0/0"}]
  }
}
)";

constexpr const char* kDefaultRestricted = R"({
  "cniVersion": "0.4.0",
  "name": "default-restricted",
  "type": "ptp",
  "ipMasq": false,
  "ipam": {
    "type": "host-local",
    "subnet": "172.31.0.0/16"
  }
}
)";

bool is_list(std::string_view file) { return file.ends_with(".conflist"); }

const std::string* args_of(const cni::NetList& wanted, std::string_view name) {
  const auto it = std::ranges::find(wanted.networks, name, &cni::NetRequest::name);
  return it == wanted.networks.end() ? nullptr : &it->args;
}

struct Candidate {
  cni::NetworkConfig config;
  std::string file;
  bool builtin = false;
};

// Those of one directory that are asked for, the first of each name.
std::vector<Candidate> pick(const std::vector<ConfigFile>& files, const cni::NetList& wanted) {
  std::vector<Candidate> out;
  for (const auto& f : files) {
    auto config =
        in_context([&] { return cat("error loading ", quoted(f.dir.empty() ? f.name : cat(f.dir, "/", f.name))); },
                   [&] { return cni::parse_network(f.bytes, is_list(f.name)); });
    if (!wanted.has("all") && !wanted.has(config.name)) continue;
    if (std::ranges::any_of(out, [&](const Candidate& c) { return c.config.name == config.name; })) {
      log::note("networking", cat(quoted(config.name), " network already defined, ignoring ", f.name));
      continue;
    }
    out.push_back({.config = std::move(config), .file = f.name, .builtin = f.dir.empty()});
  }
  return out;
}

void check_all_found(const std::vector<Candidate>& found, const cni::NetList& wanted) {
  std::vector<std::string> missing;
  for (const auto& r : wanted.networks)
    if (r.name != "all" && std::ranges::none_of(found, [&](const Candidate& c) { return c.config.name == r.name; }))
      missing.push_back(r.name);
  if (!missing.empty()) throw Error(Errc::not_found, cat("networks not found: ", join(missing, ", ")));
}

}  // namespace

std::vector<ConfigFile> read_config_dir(const std::string& local_config) {
  if (local_config.empty()) return {};
  const std::string path = cat(local_config, "/net.d");
  const auto dir = DirFd::find(path);
  if (!dir) return {};
  std::vector<ConfigFile> out;
  for (const auto& name : dir->names()) {
    if (!name.ends_with(".conf") && !is_list(name)) continue;
    // A link of the administrator's may point anywhere; what it points to must be a file.
    const std::string file = cat(path, "/", name);
    struct stat st{};
    if (::stat(file.c_str(), &st) < 0) throw Error::from_errno(cat("open ", quoted(file)));
    if (S_ISREG(st.st_mode)) out.push_back({.name = name, .dir = path, .bytes = read_file(file, kConfigLimit)});
  }
  return out;
}

std::vector<ConfigFile> builtin_configs() {
  return {{.name = "99-default-restricted.conf", .dir = {}, .bytes = kDefaultRestricted},
          {.name = "99-default.conf", .dir = {}, .bytes = kDefault}};
}

std::vector<Network> select_networks(const std::vector<ConfigFile>& user, const std::vector<ConfigFile>& builtin,
                                     const cni::NetList& wanted) {
  auto chosen = pick(user, wanted);
  for (auto& b : pick(builtin, wanted)) {
    const auto same = std::ranges::find(chosen, b.config.name, [](const Candidate& c) { return c.config.name; });
    if (same == chosen.end())
      chosen.push_back(std::move(b));
    else
      log::debug("networking", cat("overriding ", quoted(b.config.name), " network with one from ", same->file));
  }
  check_all_found(chosen, wanted);
  std::ranges::sort(chosen, {}, [](const Candidate& c) { return std::pair(c.file, c.builtin); });
  std::vector<Network> out;
  for (auto& c : chosen) {
    const std::string if_name = cat("eth", out.size());
    // Two directories may use one file name for two networks; their copies lie in one directory of the pod.
    const bool taken = std::ranges::any_of(out, [&](const Network& n) { return n.file == c.file; });
    const std::string* args = args_of(wanted, c.config.name);
    log::debug("networking", cat("loading network ", c.config.name, " with type ",
                                 c.config.plugins.empty() ? "" : std::string_view(c.config.plugins.front().type)));
    out.push_back({.config = std::move(c.config),
                   .file = taken ? cat(if_name, "-", c.file) : c.file,
                   .if_name = if_name,
                   .args = args != nullptr ? *args : std::string()});
  }
  return out;
}

}  // namespace rkt::net
