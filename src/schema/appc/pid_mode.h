// SPDX-License-Identifier: Apache-2.0
// Whose processes an app sees: the annotation coreos.com/rkt/stage2/pid of an app. Ours; the reference has one pid
// namespace for all apps of a pod.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "schema/appc/types.h"

namespace rkt::appc {

enum class PidMode : std::uint8_t {
  pod,  ///< those of all apps
  own   ///< its own alone: it is process 1 of a pid namespace of its own
};

/// "pod", "private". Throws `invalid pid mode "X": …`.
PidMode parse_pid_mode(std::string_view text);
/// What an app's annotations say; without a word: PidMode::pod. Throws likewise.
PidMode pid_mode_of(const std::vector<Annotation>& annotations);

}  // namespace rkt::appc
