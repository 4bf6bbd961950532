// SPDX-License-Identifier: Apache-2.0
// The pod as stage0 left it in POD, the current directory: manifests, and where the apps' roots are.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "schema/appc/pod_manifest.h"
#include "sys/dir.h"

namespace rkt::native {

/// An app with the image it comes from.
struct PodApp {
  appc::RuntimeApp runtime;
  appc::ImageManifest image;
  const std::string& name() const { return runtime.name.str(); }
  const appc::App& app() const;  ///< the pod manifest's, else the image's; one of them is there
};

struct Pod {
  DirFd dir;     ///< POD
  DirFd stage1;  ///< S1
  appc::PodManifest manifest;
  std::vector<PodApp> apps;
};

enum class LoadPod { with_apps, may_be_empty /* mutable pods */ };
/// Throws `pod must contain at least one application`, or what is wrong with a manifest.
Pod load_pod(LoadPod how = LoadPod::with_apps);
/// The same with that app alone. Throws no_such_app() or what is wrong with its manifest.
Pod load_pod_of(const std::string& app);
Error no_such_app(const std::string& app);

/// Of an app, relative to POD.
std::string app_root(const std::string& app);
/// Of an app, relative to S1.
std::string app_root_in_stage1(const std::string& app);

}  // namespace rkt::native
