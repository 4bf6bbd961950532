// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/state.h"

#include <algorithm>

#include "json/reader.h"
#include "sys/file.h"

namespace rkt::native {
namespace {

constexpr const char* kFile = "stage1-native.json";

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
    apps.emplace_back(std::move(o));
  }
  json::Object top;
  top.set("capabilities", state.restrictions.capabilities);
  top.set("paths", state.restrictions.paths);
  top.set("seccomp", state.restrictions.seccomp);
  top.set("foreignSockets", state.restrictions.foreign_sockets);
  top.set("selinuxContext", state.restrictions.selinux.process);
  top.set("selinuxMountContext", state.restrictions.selinux.files);
  top.set("apps", std::move(apps));
  AtomicFile file(pod, kFile, 0640);
  write_all(file.fd(), json::write(top), kFile);
  file.commit(AtomicFile::Sync::no);
}

std::optional<PodState> load_state(const DirFd& pod) {
  const auto text = find_file_text(pod, kFile);
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
  for (const auto& app : top.items("apps"))
    out.apps.push_back({.name = app.at("name").text(),
                        .pid = static_cast<int>(app.at("pid").integer(1, INT32_MAX)),
                        .no_new_privs = app.at("noNewPrivs").boolean()});
  return out;
}

}  // namespace rkt::native
