// SPDX-License-Identifier: Apache-2.0
#include "net/load.h"

#include <sys/stat.h>

#include <algorithm>
#include <tuple>

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

// With the plugins that lie beside a list.
cni::NetworkConfig parse_file(const ConfigFile& file, const std::vector<ConfigFile>& all) {
  std::vector<std::string> beside;
  if (is_list(file.name)) {
    const std::string name = cni::network_name(file.bytes);
    for (const auto& f : all)
      if (!f.list.empty() && f.list == name) beside.push_back(f.bytes);
  }
  return cni::parse_network(file.bytes, is_list(file.name), beside);
}

const std::string* args_of(const cni::NetList& wanted, std::string_view name) {
  const auto it = std::ranges::find(wanted.networks, name, &cni::NetRequest::name);
  return it == wanted.networks.end() ? nullptr : &it->args;
}

enum class Malformed : std::uint8_t { is_an_error, is_skipped };

// The networks of one directory, the first of each name.
std::vector<Available> parse_all(const std::vector<ConfigFile>& files, Malformed malformed) {
  std::vector<Available> out;
  for (const auto& f : files) {
    if (!f.list.empty()) continue;
    cni::NetworkConfig config;
    try {
      config = parse_file(f, files);
    } catch (Error& e) {
      e.at(quoted(f.dir.empty() ? f.name : cat(f.dir, "/", f.name)));
      if (malformed == Malformed::is_an_error) throw;
      log::debug("networking", cat(e.cause(), ", skipped"));
      continue;
    }
    const auto same = std::ranges::find(out, config.name, [](const Available& a) { return a.config.name; });
    if (same == out.end())
      out.push_back({.config = std::move(config), .file = f.name, .dir = f.dir});
    else if (malformed == Malformed::is_an_error)
      log::note("networking", cat(quoted(config.name), " network already defined, ignoring ", f.name));
  }
  return out;
}

void check_all_found(const std::vector<Available>& found, const cni::NetList& wanted) {
  std::vector<std::string> missing;
  for (const auto& r : wanted.networks)
    if (r.name != "all" && std::ranges::none_of(found, [&](const Available& c) { return c.config.name == r.name; }))
      missing.push_back(r.name);
  if (!missing.empty()) throw Error(Errc::not_found, cat("networks not found: ", join(missing, ", ")));
}

bool is_configuration(const std::string& name, bool with_json) {
  return name.ends_with(".conf") || is_list(name) || (with_json && name.ends_with(".json"));
}

// A link of the administrator's may point anywhere; what it points to must be a file.
std::vector<ConfigFile> read_files(const std::string& path, bool with_json) {
  const auto dir = DirFd::find(path);
  if (!dir) return {};
  std::vector<ConfigFile> out;
  for (const auto& name : dir->names()) {
    const std::string file = cat(path, "/", name);
    struct stat st{};
    if (::stat(file.c_str(), &st) < 0) {
      if (!is_configuration(name, with_json)) continue;
      throw Error::from_errno(cat("open ", quoted(file)));
    }
    if (S_ISREG(st.st_mode) && is_configuration(name, with_json))
      out.push_back({.name = name, .dir = path, .bytes = read_file(file, kConfigLimit), .list = {}});
    if (!S_ISDIR(st.st_mode)) continue;
    for (const auto& plugin : DirFd::open(file).names())
      if (plugin.ends_with(".conf"))
        out.push_back(
            {.name = plugin, .dir = path, .bytes = read_file(cat(file, "/", plugin), kConfigLimit), .list = name});
  }
  return out;
}

}  // namespace

std::vector<ConfigFile> read_config_dir(const std::string& local_config) {
  return local_config.empty() ? std::vector<ConfigFile>() : read_files(cat(local_config, "/net.d"), false);
}

std::vector<ConfigFile> read_shared_dir(const std::string& path) {
  try {
    return read_files(path, true);
  } catch (const Error& e) {
    log::debug("networking", cat(e.brief(), ", skipped"));  // another engine's: no reason for a pod not to start
    return {};
  }
}

Sources Sources::read(const std::string& local_config) {
  return {.user = read_config_dir(local_config), .builtin = builtin_configs(), .shared = read_shared_dir()};
}

std::vector<ConfigFile> builtin_configs() {
  return {{.name = "99-default-restricted.conf", .dir = {}, .bytes = kDefaultRestricted, .list = {}},
          {.name = "99-default.conf", .dir = {}, .bytes = kDefault, .list = {}}};
}

std::vector<Available> list_networks(const Sources& sources) {
  auto out = parse_all(sources.user, Malformed::is_an_error);
  const auto add = [&](std::vector<Available> weaker, bool shared) {
    for (auto& w : weaker) {
      const auto same = std::ranges::find(out, w.config.name, [](const Available& a) { return a.config.name; });
      w.shared = shared;
      if (same == out.end())
        out.push_back(std::move(w));
      else
        log::debug("networking", cat("overriding ", quoted(w.config.name), " network with one from ", same->file));
    }
  };
  add(parse_all(sources.builtin, Malformed::is_an_error), false);
  add(parse_all(sources.shared, Malformed::is_skipped), true);
  std::ranges::sort(out, {}, [](const Available& a) { return std::tuple(a.file, a.dir.empty(), a.shared); });
  return out;
}

std::vector<Network> select_networks(const Sources& sources, const cni::NetList& wanted) {
  auto chosen = list_networks(sources);
  std::erase_if(chosen,
                [&](const Available& a) { return !wanted.has(a.config.name) && (a.shared || !wanted.has("all")); });
  check_all_found(chosen, wanted);
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
