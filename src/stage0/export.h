// SPDX-License-Identifier: Apache-2.0
// What became of an app, as an image (`rkt export`).
#pragma once

#include <functional>
#include <string>

#include "pod/pod.h"
#include "store/store.h"

namespace rkt::stage0 {

/// Writes an ACI of the app's root as the ended pod left it to `out`: what the app wrote over its image with overlay,
/// or the pod's copy. Owners as seen inside of the pod. `note` takes lines about what was left out. Throws "pod is not
/// exited. Only exited pods can be exported". The pod is not removed meanwhile.
void export_app(store::Store& store, const pod::Pods& pods, const pod::Pod& pod, const std::string& app, int out,
                const std::function<void(std::string_view)>& note);

}  // namespace rkt::stage0
