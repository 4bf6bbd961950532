// SPDX-License-Identifier: Apache-2.0
// What a program of ours does before anything else.
#pragma once

namespace rkt {

/// Puts right what a caller may have left odd, for this process and what it executes. Standard streams that are closed
/// become /dev/null, so that no descriptor of ours takes their numbers and their readers and writers; SIGCHLD gets its
/// default, since the statuses of children are lost where it is ignored. Throws.
void start_clean();

}  // namespace rkt
