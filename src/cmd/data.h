// SPDX-License-Identifier: Apache-2.0
// What lies in the data directory, opened. Finding out where that is may fail, too: those errors have no frame.
#pragma once

#include <string_view>

#include "cli/env.h"
#include "pod/pod.h"
#include "store/store.h"

namespace rkt::cmd {

/// Failures begin with "cannot open store".
store::Store open_store(cli::Env& env);

/// Failures begin with `frame`.
pod::Pods open_pods(cli::Env& env, std::string_view frame = "problem retrieving pod");

}  // namespace rkt::cmd
