// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/pod.h"

#include "base/error.h"
#include "base/strings.h"
#include "sys/file.h"

namespace rkt::native {
namespace {

constexpr const char* kStage1 = "stage1/rootfs";

Pod open_pod() {
  Pod pod;
  pod.dir = DirFd::open(".");
  pod.stage1 = pod.dir.sub(kStage1);
  pod.manifest = in_context([] { return "read the pod manifest"; },
                            [&] { return appc::parse_pod_manifest(read_file(pod.dir, "pod")); });
  return pod;
}

void load_app(Pod& pod, const appc::RuntimeApp& runtime) {
  const std::string& name = runtime.name.str();
  auto image = in_context(
      [&] { return cat("read the image manifest of app ", quoted(name)); },
      [&] { return appc::parse_image_manifest(read_file(pod.stage1, cat("opt/stage2/", name, "/manifest"))); });
  if (!runtime.app && !image.app) throw Error(Errc::invalid, cat("no app section for app ", quoted(name)));
  pod.apps.push_back({.runtime = runtime, .image = std::move(image)});
  if (pod.apps.back().app().exec.empty())
    throw Error(Errc::invalid,
                cat("image ", quoted(pod.apps.back().image.name), " has an empty \"exec\" (try --exec=BINARY)"));
}

}  // namespace

const appc::App& PodApp::app() const { return runtime.app ? *runtime.app : *image.app; }

Pod load_pod(LoadPod how) {
  Pod pod = open_pod();
  if (pod.manifest.apps.empty() && how == LoadPod::with_apps)
    throw Error(Errc::invalid, "pod must contain at least one application");
  for (const auto& runtime : pod.manifest.apps) load_app(pod, runtime);
  return pod;
}

Pod load_pod_of(const std::string& app) {
  Pod pod = open_pod();
  const auto* runtime = pod.manifest.find_app(app);
  if (runtime == nullptr) throw no_such_app(app);
  load_app(pod, *runtime);
  return pod;
}

Error no_such_app(const std::string& app) { return {Errc::not_found, cat("nonexistent app ", quoted(app))}; }

std::string app_root_in_stage1(const std::string& app) { return cat("opt/stage2/", app, "/rootfs"); }

std::string app_root(const std::string& app) { return cat(kStage1, "/", app_root_in_stage1(app)); }

}  // namespace rkt::native
