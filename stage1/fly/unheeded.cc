// SPDX-License-Identifier: Apache-2.0
#include "stage1/fly/unheeded.h"

#include <signal.h>

#include "base/strings.h"
#include "sys/signal_name.h"

namespace rkt::fly {
namespace {

constexpr std::string_view kLogMode = "coreos.com/rkt/experiment/logmode";

// Values that ask for nothing but what fly does.
bool asks_for_nothing(std::string_view flag, std::string_view value) {
  return (flag == "restart" && value == "no") || (flag == "pid" && value == "pod");
}

bool has_other_stop_signal(const appc::ImageManifest& image) {
  const auto* text = appc::find_annotation(image.annotations, appc::kStopSignal);
  return text != nullptr && parse_signal(*text) != SIGTERM;
}

}  // namespace

std::set<std::string> find_unheeded(const FlyPod& pod) {
  std::set<std::string> out;
  const appc::App& spec = pod.exec_spec();
  for (const auto* list : {&spec.isolators, &pod.manifest.isolators})
    for (const auto& isolator : *list) out.insert(isolator.name);
  for (const auto& [name, value] : pod.app().annotations) {
    if (!name.starts_with(appc::kAppFlag)) continue;
    const std::string flag = name.substr(appc::kAppFlag.size());
    if (!asks_for_nothing(flag, value)) out.insert(cat("--", flag));
  }
  if (pod.app().read_only_rootfs) out.insert("--readonly-rootfs");
  if (!spec.event_handlers.empty()) out.insert("eventHandlers");
  if (!pod.manifest.ports.empty()) out.insert("--port");
  if (appc::find_annotation(pod.manifest.annotations, kLogMode) != nullptr) out.emplace(kLogMode);
  if (has_other_stop_signal(pod.image)) out.insert("StopSignal");
  return out;
}

}  // namespace rkt::fly
