// SPDX-License-Identifier: Apache-2.0
// Landlock, where the kernel has it (5.13): no file can be opened for writing, made, renamed or removed any more, and
// only what name service and TLS need can be opened for reading. What matters most for a caller that is not root, whose
// account the worker keeps.
#pragma once

namespace rkt::fetch {

/// Descriptors that are passed later keep the rights they were opened with. Without Landlock: no effect.
void make_files_read_only();

}  // namespace rkt::fetch
