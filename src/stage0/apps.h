// SPDX-License-Identifier: Apache-2.0
// One app of the pod manifest out of its image and its flags (reference: pods §3.2, 5.2).
#pragma once

#include <string>
#include <vector>

#include "stage0/stage0.h"

namespace rkt::stage0 {

/// Environment of every app of the pod, weakest first: `inherited` only fills gaps; the image's own; file; flag.
struct PodEnvironment {
  std::vector<appc::EnvVar> inherited, set_env_file, set_env;
};

/// Throws Errc::unsupported for what an app may have that a pod manifest states, but not by its image alone.
void check_image_app(const appc::App& app, const std::string& image);

/// Files are named after an app, with something before and behind its name. Throws with a remedy when that is too long.
void check_app_name(const appc::AcName& name);

/// Throws for a mount of none of these volumes, unless it brings its own.
void check_mount(const appc::Mount& mount, const std::vector<appc::Volume>& volumes);

/// Throws for a text that is no quantity, and for less than a process needs to begin with.
void check_memory(const std::string& limit);

/// Pure. Throws the reference's texts.
appc::RuntimeApp plan_app(const AppRequest& request, const PodEnvironment& environment,
                          const std::vector<appc::Mount>& pod_mounts);

/// A path without doubled or trailing slashes, "." and "..": what mounts are compared by.
std::string clean_path(std::string_view path);

}  // namespace rkt::stage0
