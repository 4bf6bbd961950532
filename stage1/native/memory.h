// SPDX-License-Identifier: Apache-2.0
// What the two long-lived processes of a pod give back once the pod runs: planning touches most of the program and some
// heap, waiting touches almost nothing.
#pragma once

namespace rkt::native {

void release_memory() noexcept;

}  // namespace rkt::native
