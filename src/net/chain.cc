// SPDX-License-Identifier: Apache-2.0
#include "net/chain.h"

#include <unistd.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/strings.h"
#include "net/builtin/builtin.h"
#include "net/membership.h"
#include "net/plugin.h"
#include "schema/cni/version.h"

namespace rkt::net {
namespace {

// The program that did ADD; after an upgrade that moved it, the one of the same type that is there now.
std::string plugin_for(const Attachment& a, std::size_t i, const std::vector<std::string>& path) {
  return ::access(a.plugins[i].c_str(), X_OK) == 0 ? a.plugins[i] : plugin_program(path, a.steps[i].type);
}

PluginCall plan_call(const char* command, const Attachment& a, std::size_t i, const ChainCall& call) {
  return {.command = command,
          .exe = plugin_for(a, i, call.path),
          .container_id = call.container_id,
          .netns = call.netns,
          .if_name = a.if_name,
          .args = a.args,
          .path = call.path,
          .stdin_bytes = {}};
}

builtin::Network own_plan(const Attachment& a) {
  auto network = plan_builtin(a);
  if (!network) throw Error(Errc::unsupported, network.error());
  return std::move(*network);
}

builtin::Call own_call(const Attachment& a, const ChainCall& call) {
  return {.container_id = call.container_id, .if_name = a.if_name, .netns = call.netns};
}

cni::Result add_builtin(Attachment& a, const ChainCall& call) {
  auto added = builtin::add(own_plan(a), own_call(a, call));
  a.record = std::move(added.record);
  cni::Result result = cni::parse_result(json::write(added.result), a.name);
  a.result = chained_result(result, a.cni_version, a.if_name, call.netns);
  return result;
}

cni::Result add_external(Attachment& a, const ChainCall& call) {
  cni::Result result;
  for (std::size_t i = 0; i < a.steps.size(); ++i) {
    PluginCall one = plan_call("ADD", a, i, call);
    one.stdin_bytes = plugin_input(a.steps[i], a.result ? &*a.result : nullptr);
    cni::Result next = cni::parse_result(run_plugin(one), a.name);
    a.result = chained_result(next, a.cni_version, a.if_name, call.netns);
    result = std::move(next);
  }
  return result;
}

void delete_step(const Attachment& a, std::size_t i, const ChainCall& call) {
  PluginCall one = plan_call("DEL", a, i, call);
  const bool hand_on = a.result && (cni::has_check(a.cni_version) || i > 0);
  one.stdin_bytes = plugin_input(a.steps[i], hand_on ? &*a.result : nullptr);
  const auto output = try_plugin(one);
  if (!output && output.error().code != cni::PluginError::kUnknownContainer)
    throw Error(Errc::network, output.error().text);
}

void delete_external(const Attachment& a, const ChainCall& call) {
  std::optional<Error> failed;
  for (std::size_t i = a.steps.size(); i-- > 0;) {
    try {
      delete_step(a, i, call);
    } catch (const Error& e) {
      if (failed)
        failed->add(e);
      else
        failed = e;
    }
  }
  if (failed) throw Error(*failed);
}

}  // namespace

cni::Result attach(Attachment& a, const ChainCall& call) {
  if (a.builtin) return add_builtin(a, call);
  if (!a.collects) return add_external(a, call);
  const Membership membership = Membership::share(a.name);
  membership.enter({call.container_id, a.if_name}, call.netns);
  return add_external(a, call);
}

void detach(const Attachment& a, const ChainCall& call) {
  if (a.builtin) return builtin::del(own_plan(a), own_call(a, call), a.record ? &*a.record : nullptr);
  if (!a.collects) return delete_external(a, call);
  const Membership membership = Membership::share(a.name);
  delete_external(a, call);
  membership.leave({call.container_id, a.if_name});
}

void check(const Attachment& a, const ChainCall& call) {
  if (!a.checks || !cni::has_check(a.cni_version)) return;
  if (a.builtin) {
    if (a.record) builtin::check(own_plan(a), own_call(a, call), *a.record);
    return;
  }
  for (std::size_t i = 0; i < a.steps.size(); ++i) {
    PluginCall one = plan_call("CHECK", a, i, call);
    one.stdin_bytes = plugin_input(a.steps[i], a.result ? &*a.result : nullptr);
    run_plugin(one);
  }
}

std::string negotiate(const std::vector<std::string>& versions, const std::vector<std::string>& plugins) {
  std::vector<std::string> left = versions;
  for (const auto& exe : plugins) {
    const auto spoken = plugin_versions(exe);
    if (!spoken.empty())
      std::erase_if(left, [&](const std::string& v) { return std::ranges::find(spoken, v) == spoken.end(); });
    if (left.empty())
      throw Error(Errc::unsupported, cat("plugin ", quoted(exe), " speaks versions ", join(spoken, ", "),
                                         " of CNI, the network needs one of ", join(versions, ", ")));
  }
  return left.front();
}

}  // namespace rkt::net
