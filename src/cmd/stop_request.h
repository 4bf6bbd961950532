// SPDX-License-Identifier: Apache-2.0
// How long what is stopped gets to end by itself: --grace-period and --force of `stop` and `app stop`.
#pragma once

#include <vector>

#include "cli/command.h"
#include "stage0/stage0.h"

namespace rkt::cmd {

cli::Flags stop_flags();
/// Throws for flags that exclude each other, and for a time that is none.
stage0::StopRequest stop_request(const cli::Parsed& in);

}  // namespace rkt::cmd
