// SPDX-License-Identifier: Apache-2.0
#include "net/plugin.h"

#include <sys/stat.h>

#include "base/error.h"
#include "base/strings.h"
#include "schema/cni/network.h"
#include "sys/file.h"
#include "sys/spawn.h"

namespace rkt::net {
namespace {

constexpr const char* kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr std::size_t kOutputLimit = std::size_t{1} << 20;

Error plugin_error(const PluginCall& call, const std::string& output, ExitStatus status) {
  const auto said = cni::parse_error(output);
  if (!said) {
    const std::string how = status.signal != 0 ? cat(" (killed by signal ", status.signal, ")") : std::string();
    return {Errc::network, cat("netplugin failed but error parsing its diagnostic message ", quoted(output), how)};
  }
  Error e(Errc::network, *said);
  // Plugins masquerade with a program of the host's; the name is all that their message gives.
  for (const char* tool : {"iptables", "ip6tables", "nft"})
    if (said->find(tool) != std::string::npos && said->find("not found") != std::string::npos)
      e.hint(
          cat("plugin ", quoted(call.exe), " needs the program ", quoted(tool), ": install the package that has it"));
  return e;
}

}  // namespace

std::vector<std::string> plugin_path(const std::string& local_config) {
  std::vector<std::string> out;
  if (!local_config.empty()) out.push_back(cat(local_config, "/net.d"));
  out.insert(out.end(), {"/usr/lib/rkt/plugins/net", "/usr/lib/cni", "/opt/cni/bin"});
  return out;
}

std::string find_plugin(const std::vector<std::string>& path, const std::string& type) {
  if (type.find('/') == std::string::npos)
    for (const auto& dir : path) {
      std::string file = cat(dir, "/", type);
      struct stat st{};
      if (::stat(file.c_str(), &st) == 0 && S_ISREG(st.st_mode)) return file;
    }
  throw Error(Errc::not_found, cat("Could not find plugin ", quoted(type))).hint(cat("looked in ", join(path, ":")));
}

std::vector<std::string> plugin_environment(const PluginCall& call, const std::string& path_variable) {
  return {cat("PATH=", path_variable), cat("CNI_COMMAND=", call.command), cat("CNI_CONTAINERID=", call.container_id),
          cat("CNI_NETNS=", call.netns),
          // A plugin looks for its own words: without the last one it refuses those of the plugin that it delegates to.
          cat("CNI_ARGS=", call.args.empty() ? "" : cat("IgnoreUnknown=1;", call.args)),
          cat("CNI_IFNAME=", call.if_name), cat("CNI_PATH=", join(call.path, ":"))};
}

std::string run_plugin(const PluginCall& call) {
  const UniqueFd in = memory_file("cni-config", call.stdin_bytes);
  Pipe out = Pipe::make();
  SpawnOptions options;
  options.exe = call.exe;
  options.argv = {call.exe};
  options.env = plugin_environment(call, env("PATH").value_or(kDefaultPath));
  options.in = in.get();
  options.out = out.write_end.get();
  Child child = Child::spawn(options);
  out.write_end.reset();
  std::string output = read_all(out.read_end.get(), call.exe, kOutputLimit);
  const ExitStatus status = child.wait();
  if (!status.ok()) throw plugin_error(call, output, status);
  return output;
}

}  // namespace rkt::net
