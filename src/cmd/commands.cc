// SPDX-License-Identifier: Apache-2.0
#include "cmd/commands.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "cmd/registry.h"

namespace rkt::cmd {
namespace {

// Commands of our own, and those that the reference has only where an experiment is turned on.
bool is_ours(std::string_view name) {
  static constexpr std::string_view kNames[] = {"attach", "image import", "image push", "image sign", "logs"};
  return std::ranges::find(kNames, name) != std::end(kNames) || name.starts_with("app ") || name.starts_with("net ") ||
         name.starts_with("store ");
}

}  // namespace

std::span<const cli::Command> all_commands() {
  // Copied on first use, when every command object exists; the order is the reference's.
  static const std::vector<cli::Command> commands = [] {
    const cli::Command* const all[] = {
        &api_service,  &app_add,
        &app_exec,     &app_list,
        &app_rm,       &app_sandbox,
        &app_start,    &app_status,
        &app_stop,     &attach,
        &cat_manifest, &completion,
        &config,       &enter,
        &export_pod,   &fetch,
        &gc,           &image_cat_manifest,
        &image_export, &image_extract,
        &image_fetch,  &image_gc,
        &image_import, &image_list,
        &image_push,   &image_render,
        &image_rm,     &image_sign,
        &image_verify, &list,
        &logs,         &metadata_service,
        &net_list,     &net_status,
        &prepare,      &rm,
        &run,          &run_prepared,
        &status,       &stop,
        &store_check,  &trust,
        &version,
    };
    std::vector<cli::Command> out;
    out.reserve(std::size(all));
    for (const auto* command : all) {
      out.push_back(*command);
      out.back().ours = is_ours(command->name);
    }
    return out;
  }();
  return commands;
}

}  // namespace rkt::cmd
