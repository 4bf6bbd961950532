// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/state.h"

#include <algorithm>

#include "json/reader.h"
#include "sys/file.h"

namespace rkt::native {
namespace {

constexpr const char* kFile = "stage1-native.json";
constexpr std::size_t kFileLimit = std::size_t{64} << 20;  // the groups of an app alone, 65536 at most, are 700 KiB

unsigned read_id(const json::Reader& id) { return static_cast<unsigned>(id.integer(0, UINT32_MAX - 1)); }

PodState::App read_app(const json::Reader& app) {
  PodState::App out{.name = app.at("name").text(),
                    .pid = static_cast<int>(app.at("pid").integer(1, INT32_MAX)),
                    .no_new_privs = app.at("noNewPrivs").boolean(),
                    .uid = read_id(app.at("uid")),
                    .gid = read_id(app.at("gid"))};
  for (const auto& id : app.items("groups")) out.groups.push_back(read_id(id));
  return out;
}

// -1: no limit.
json::Value write_limits(const stage1::ProcessLimits& limits) {
  json::Array resources;
  for (const auto& limit : limits.resources)
    resources.emplace_back(
        json::Array{static_cast<std::int64_t>(limit.rlim_cur), static_cast<std::int64_t>(limit.rlim_max)});
  json::Object out;
  out.set("resources", std::move(resources));
  out.set("nice", limits.nice);
  return out;
}

stage1::ProcessLimits read_limits(const json::Reader& from) {
  stage1::ProcessLimits out{.resources = {}, .nice = static_cast<int>(from.at("nice").integer(-20, 19))};
  const auto resources = from.items("resources");
  if (resources.size() != out.resources.size()) from.fail("has the limits of another kernel");
  for (std::size_t kind = 0; kind < resources.size(); ++kind) {
    const auto pair = resources[kind].elements();
    if (pair.size() != 2) resources[kind].fail("is no pair");
    out.resources[kind] = {.rlim_cur = static_cast<rlim_t>(pair[0].integer()),
                           .rlim_max = static_cast<rlim_t>(pair[1].integer())};
  }
  return out;
}

}  // namespace

const PodState::App* PodState::find(std::string_view name) const {
  const auto it = std::ranges::find(apps, name, &App::name);
  return it == apps.end() ? nullptr : &*it;
}

void save_state(const DirFd& pod, const PodState& state) {
  json::Array apps;
  for (const auto& app : state.apps) {
    json::Object o;
    o.set("name", app.name);
    o.set("pid", app.pid);
    o.set("noNewPrivs", app.no_new_privs);
    o.set("uid", app.uid);
    o.set("gid", app.gid);
    o.set("groups", json::Array(app.groups.begin(), app.groups.end()));
    apps.emplace_back(std::move(o));
  }
  json::Object top;
  top.set("capabilities", state.restrictions.capabilities);
  top.set("paths", state.restrictions.paths);
  top.set("seccomp", state.restrictions.seccomp);
  top.set("foreignSockets", state.restrictions.foreign_sockets);
  top.set("selinuxContext", state.restrictions.selinux.process);
  top.set("selinuxMountContext", state.restrictions.selinux.files);
  top.set("limits", write_limits(state.limits));
  top.set("apps", std::move(apps));
  AtomicFile file(pod, kFile, 0640);
  write_all(file.fd(), json::write(top), kFile);
  file.commit(AtomicFile::Sync::no);
}

std::optional<PodState> load_state(const DirFd& pod) {
  const auto text = find_file_text(pod, kFile, kFileLimit);
  if (!text) return std::nullopt;
  const json::Value value = json::parse(*text);
  const json::Reader top(value, kFile);
  PodState out;
  out.restrictions.capabilities = top.at("capabilities").boolean();
  out.restrictions.paths = top.at("paths").boolean();
  out.restrictions.seccomp = top.at("seccomp").boolean();
  if (const auto foreign = top.find("foreignSockets")) out.restrictions.foreign_sockets = foreign->boolean();
  out.restrictions.selinux = {.process = top.text_or("selinuxContext", ""),
                              .files = top.text_or("selinuxMountContext", "")};
  out.limits = read_limits(top.at("limits"));
  for (const auto& app : top.items("apps")) out.apps.push_back(read_app(app));
  return out;
}

}  // namespace rkt::native
