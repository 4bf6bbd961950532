// SPDX-License-Identifier: Apache-2.0
#include "net/state.h"

#include <algorithm>

#include "base/log.h"
#include "base/strings.h"
#include "json/reader.h"
#include "net/builtin/builtin.h"
#include "sys/file.h"

namespace rkt::net {
namespace {

constexpr const char* kFile = "net-state.json";
constexpr std::size_t kLimit = std::size_t{8} << 20;

json::Value to_json(const Attachment& a) {
  json::Array steps;
  for (std::size_t i = 0; i < a.steps.size(); ++i) {
    json::Object step;
    step.set("type", a.steps[i].type);
    if (!a.builtin) step.set("plugin", a.plugins.at(i));
    step.set("config", a.steps[i].config);
    step.set("bytes", a.steps[i].bytes);
    steps.emplace_back(std::move(step));
  }
  json::Object o;
  o.set("name", a.name);
  o.set("file", a.file);
  o.set("ifName", a.if_name);
  o.set("args", a.args);
  o.set("cniVersion", a.cni_version);
  o.set("masquerades", a.masquerades);
  o.set("builtin", a.builtin);
  if (a.collects) o.set("collects", true);
  if (!a.checks) o.set("checks", false);
  o.set("steps", std::move(steps));
  if (a.result) o.set("result", *a.result);
  if (a.record) o.set("record", *a.record);
  return o;
}

Attachment read_attachment(const json::Reader& in) {
  Attachment a;
  a.name = in.at("name").text();
  a.file = in.at("file").text();
  a.if_name = in.at("ifName").text();
  a.args = in.text_or("args", "");
  a.cni_version = in.text_or("cniVersion", "");
  a.masquerades = in.boolean_or("masquerades", false);
  a.builtin = in.boolean_or("builtin", false);
  a.collects = in.boolean_or("collects", false);
  a.checks = in.boolean_or("checks", true);
  for (const auto& step : in.items("steps")) {
    const auto* config = step.at("config").value().as_object();
    if (config == nullptr) step.at("config").fail("expected object");
    a.steps.push_back({.type = step.at("type").text(), .config = *config, .bytes = step.text_or("bytes", "")});
    if (!a.builtin) a.plugins.push_back(step.at("plugin").text());
  }
  if (const auto result = in.find("result")) a.result = result->value();
  if (const auto record = in.find("record")) a.record = record->value();
  return a;
}

}  // namespace

std::string write_state(const std::vector<Attachment>& attachments) {
  json::Array list;
  for (const auto& a : attachments) list.push_back(to_json(a));
  return json::write(json::Value(std::move(list)));
}

std::vector<Attachment> parse_state(std::string_view bytes) {
  const json::Value value = json::parse(bytes);
  std::vector<Attachment> out;
  for (const auto& item : json::Reader(value, "network state").elements()) out.push_back(read_attachment(item));
  return out;
}

void save_state(const DirFd& pod, const std::vector<Attachment>& attachments) {
  AtomicFile file(pod, kFile, 0640);
  write_all(file.fd(), write_state(attachments), kFile);
  file.commit(AtomicFile::Sync::no);
}

std::vector<Attachment> load_state(const DirFd& pod) {
  const auto text = find_file_text(pod, kFile, kLimit);
  return text ? parse_state(*text) : std::vector<Attachment>();
}

bool forwards_ports(const Attachment& a) {
  return std::ranges::any_of(a.steps, [](const Step& step) {
    const auto* runtime = step.config.find("runtimeConfig");
    const auto* values = runtime != nullptr ? runtime->as_object() : nullptr;
    return values != nullptr && values->find("portMappings") != nullptr;
  });
}

std::expected<builtin::Network, std::string> plan_builtin(const Attachment& a) {
  std::vector<json::Object> chain;
  for (const auto& step : a.steps) chain.push_back(step.config);
  return builtin::parse_network(chain, a.name, a.cni_version, a.args);
}

bool is_for_builtin(const Attachment& a) {
  const auto network = plan_builtin(a);
  std::string why;
  if (!network)
    why = network.error();
  else if (!builtin::can_serve(*network))
    why = "the kernel has no nftables";
  else
    return true;
  log::debug("networking", cat("network ", quoted(a.name), " is for external plugins: ", why));
  return false;
}

}  // namespace rkt::net
