// SPDX-License-Identifier: Apache-2.0
// Flags of `app sandbox` and `app add` (cli §7.2, 7.3).
#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "cli/app_flags.h"

namespace rkt::cli {
namespace {

bool keep(const std::vector<std::string_view>& names, const Flag& f) {
  return std::ranges::find(names, f.name) != names.end();
}

std::pair<std::uint16_t, std::uint16_t> port_range(std::string_view text) {
  try {
    return appc::parse_port_range(text);
  } catch (const Error&) {
    throw Error(Errc::usage, cat("port ", quoted(text), " must be in 1-65535 range"));
  }
}

// NAME:PROTO:PODPORT[-LAST]:HOSTIP:HOSTPORT[-LAST]; an IPv6 address has colons of its own.
appc::ExposedPort parse_sandbox_port(const std::string& text) {
  auto parts = split(text, ':');
  if (parts.size() < 5)
    throw Error(Errc::usage, "--port invalid format: must be specified as name:proto:podPort:hostIP:hostPort");
  if (parts[1] != "tcp" && parts[1] != "udp" && parts[1] != "sctp")
    throw Error(Errc::usage, cat("invalid protocol ", quoted(parts[1]), ": want tcp, udp or sctp"));
  const auto name = appc::AcName::parse(std::string(parts[0]));
  const auto [pod_port, pod_count] = port_range(parts[2]);
  const auto [host_port, host_count] = port_range(parts.back());
  if (pod_count != host_count)
    throw Error(Errc::usage, cat("port ranges ", parts[2], " and ", parts.back(), " differ in length"));
  const std::size_t before = parts[0].size() + parts[1].size() + parts[2].size() + 3;
  const auto ip = std::string_view(text).substr(before, text.size() - before - parts.back().size() - 1);
  return {.name = name,
          .host_port = host_port,
          .host_ip = ip.empty() ? std::string() : appc::parse_host_ip(ip),
          .pod_port = appc::Port{.name = name, .protocol = std::string(parts[1]), .port = pod_port, .count = pod_count},
          .count = host_count};
}

// name=N,kind=K,...,target=PATH: a volume in the form of --volume, and where it goes.
appc::Mount parse_mounted_volume(const std::string& text) {
  require_text(text);
  std::string name, target, rest;
  for (const auto piece : split(text, ',')) {
    if (piece.starts_with("name="))
      name = piece.substr(5);
    else if (piece.starts_with("target="))
      target = piece.substr(7);
    else
      rest += cat(",", piece);
  }
  if (name.empty()) throw Error(Errc::usage, cat("no name in --mnt-volume flag ", quoted(text)));
  if (!target.starts_with('/'))
    throw Error(Errc::usage, cat("target in --mnt-volume flag ", quoted(text), " must be an absolute path"));
  auto volume = appc::Volume::parse_flag(name + rest);
  return {.volume = volume.name.str(), .path = target, .app_volume = std::move(volume)};
}

Flag pair_flag(Flag flag, void (*check)(const std::string&)) {
  return once(Flag::Once::key, checked(std::move(flag), check));
}

}  // namespace

Flags sandbox_flags() {
  Flags out = {checked(list("port", "ports to forward: NAME:PROTO:PODPORT:HOSTIP:HOSTPORT"),
                       [](const std::string& v) { parse_sandbox_port(v); }),
               pair_flag(list("annotation", "annotation of the pod: NAME=VALUE"), check_annotation),
               pair_flag(list("user-annotation", "user annotation of the pod: NAME=VALUE"), check_user_annotation),
               pair_flag(list("user-label", "user label of the pod: NAME=VALUE"), check_user_label),
               text("uuid-file-save", "", "write out pod UUID to specified file")};
  for (auto& f : pod_flags())
    if (keep({"no-overlay", "pod-name", "stage1-url", "stage1-path", "stage1-name", "stage1-hash", "stage1-from-dir"},
             f))
      out.push_back(std::move(f));
  for (auto& f : network_flags()) {
    if (f.name == "net") f.optional_value = false;  // as in rkt 1.30
    if (!keep({"interactive", "mds-register", "ipc"}, f)) out.push_back(std::move(f));
  }
  return out;
}

Flags added_app_flags() {
  Flag volume = checked(list("mnt-volume", "volume of the app and where it goes: name=NAME,kind=KIND,…,target=PATH"),
                        [](const std::string& v) { parse_mounted_volume(v); });
  volume.per_image = true;
  Flags out = {std::move(volume)};
  for (auto& f : app_flags())
    if (!keep({"signature", "cap-retain", "cap-remove"}, f)) out.push_back(std::move(f));
  return out;
}

stage0::PrepareRequest sandbox_request(const Parsed& in) {
  stage0::PrepareRequest r;
  r.mutable_pod = true;
  r.overlay = !in.on("no-overlay");
  for (const auto& p : in.list("port")) r.ports.push_back(parse_sandbox_port(p));
  for (const auto& text : in.list("annotation")) {
    const auto pair = parse_pair("annotation", text);
    r.annotations.push_back({appc::AcIdentifier::parse(pair.name).str(), pair.value});
  }
  const auto add = [&](appc::StringPairs& to, std::string_view flag) {
    for (const auto& text : in.list(flag)) {
      auto pair = parse_pair(flag, text);
      to.emplace_back(std::move(pair.name), std::move(pair.value));
    }
  };
  add(r.user_annotations, "user-annotation");
  add(r.user_labels, "user-label");
  return r;
}

stage0::AppRequest added_app_request(const ImageArgs& in) {
  stage0::AppRequest r = app_request(in);
  r.replace_args = true;
  for (const auto& v : in.all("mnt-volume")) r.mounts.push_back(parse_mounted_volume(v));
  return r;
}

}  // namespace rkt::cli
