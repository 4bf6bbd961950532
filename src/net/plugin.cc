// SPDX-License-Identifier: Apache-2.0
#include "net/plugin.h"

#include <poll.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "schema/cni/version.h"
#include "sys/file.h"
#include "sys/spawn.h"

namespace rkt::net {
namespace {

constexpr const char* kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr std::size_t kOutputLimit = std::size_t{1} << 20;

constexpr int kBusyTries = 50, kBusyPause = 100;  // ms: a plugin that is just being replaced

Error plugin_error(const PluginCall& call, const cni::PluginError& said) {
  Error e(said.code == cni::PluginError::kTryLater ? Errc::busy : Errc::network, said.text);
  if (said.code == cni::PluginError::kTryLater) e.hint("the plugin asks to try again later");
  // Plugins masquerade with a program of the host's; the name is all that their message gives.
  for (const char* tool : {"iptables", "ip6tables", "nft"})
    if (said.text.find(tool) != std::string::npos && said.text.find("not found") != std::string::npos)
      e.hint(
          cat("plugin ", quoted(call.exe), " needs the program ", quoted(tool), ": install the package that has it"));
  return e;
}

Child spawn(const SpawnOptions& options) {
  for (int attempt = 1;; ++attempt) {
    try {
      return Child::spawn(options);
    } catch (const Error& e) {
      if (e.sys_errno() != ETXTBSY || attempt == kBusyTries) throw;
    }
    ::poll(nullptr, 0, kBusyPause);
  }
}

// Readable once there is an answer, or the end.
void mention_silence(int fd, const PluginCall& call) {
  pollfd p{fd, POLLIN, 0};
  if (::poll(&p, 1, static_cast<int>(call.patience.count())) == 0)
    log::note("networking", cat("plugin ", quoted(call.exe), " has not answered ", call.command, " for ",
                                std::chrono::round<std::chrono::seconds>(call.patience).count(), " s"));
}

}  // namespace

std::vector<std::string> plugin_path(const std::string& local_config) {
  std::vector<std::string> out;
  if (!local_config.empty()) out.push_back(cat(local_config, "/net.d"));
  out.insert(out.end(), {"/usr/lib/rkt/plugins/net", "/usr/lib/cni", "/opt/cni/bin"});
  return out;
}

std::string plugin_program(const std::vector<std::string>& path, const std::string& type) {
  if (type.find('/') == std::string::npos)
    for (const auto& dir : path) {
      std::string file = cat(dir, "/", type);
      struct stat st{};
      if (::stat(file.c_str(), &st) == 0 && S_ISREG(st.st_mode)) return file;
    }
  throw Error(Errc::not_found, cat("Could not find plugin ", quoted(type))).hint(cat("looked in ", join(path, ":")));
}

std::vector<std::string> plugin_environment(const PluginCall& call, const std::string& path_variable) {
  std::vector<std::string> out{cat("PATH=", path_variable), cat("CNI_COMMAND=", call.command),
                               cat("CNI_PATH=", join(call.path, ":"))};
  if (call.container_id.empty()) return out;
  out.push_back(cat("CNI_CONTAINERID=", call.container_id));
  out.push_back(cat("CNI_NETNS=", call.netns));
  // A plugin looks for its own words: without the last one it refuses those of the plugin that it delegates to.
  out.push_back(cat("CNI_ARGS=", call.args.empty() ? "" : cat("IgnoreUnknown=1;", call.args)));
  out.push_back(cat("CNI_IFNAME=", call.if_name));
  return out;
}

std::expected<std::string, cni::PluginError> try_plugin(const PluginCall& call) {
  const UniqueFd in = memory_file("cni-config", call.stdin_bytes);
  Pipe out = Pipe::make();
  SpawnOptions options;
  options.exe = call.exe;
  options.argv = {call.exe};
  options.env = plugin_environment(call, env("PATH").value_or(kDefaultPath));
  options.in = in.get();
  options.out = out.write_end.get();
  Child child = spawn(options);
  out.write_end.reset();
  mention_silence(out.read_end.get(), call);
  std::string output = read_all(out.read_end.get(), call.exe, kOutputLimit);
  mention_silence(child.pidfd(), call);
  const ExitStatus status = child.wait();
  if (status.ok()) return output;
  if (auto said = cni::parse_error(output)) return std::unexpected(std::move(*said));
  const std::string how = status.signal != 0 ? cat(" (killed by signal ", status.signal, ")") : std::string();
  throw Error(Errc::network, cat("netplugin failed but error parsing its diagnostic message ", quoted(output), how));
}

std::string run_plugin(const PluginCall& call) {
  auto output = try_plugin(call);
  if (!output) throw plugin_error(call, output.error());
  return std::move(*output);
}

std::vector<std::string> plugin_versions(const std::string& exe) {
  try {
    const auto output = try_plugin({.command = "VERSION",
                                    .exe = exe,
                                    .container_id = {},
                                    .netns = {},
                                    .if_name = {},
                                    .args = {},
                                    .path = {},
                                    .stdin_bytes = cat("{\"cniVersion\":\"", cni::kNewestVersion.str(), "\"}")});
    if (output) return cni::parse_versions(*output);
  } catch (const Error& e) {
    log::debug("networking", cat(quoted(exe), " does not say which versions it speaks: ", e.brief()));
  }
  return {};
}

}  // namespace rkt::net
