// SPDX-License-Identifier: Apache-2.0
// Showing transfers on stderr (reference: images §3.6): a bar redrawn on a terminal, a line per refresh elsewhere, or
// one JSON object a line for programs (--progress=json).
#pragma once

#include "image/fetch_client.h"

namespace rkt::image {

/// A sink for any number of transfers at once, told apart by their labels; it limits how often it prints by itself.
OnProgress progress_printer(bool json);

}  // namespace rkt::image
