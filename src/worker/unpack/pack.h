// SPDX-License-Identifier: Apache-2.0
// A tree as an ACI: the entry "manifest", then "rootfs" and everything below it. Whoever ran in the tree made it, so
// names are only used relative to an open directory and never followed.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "sys/dir.h"
#include "worker/unpack/protocol.h"

namespace rkt::unpack {

/// Takes a line about something that has no place in an image (sockets).
using OnNote = std::function<void(std::string_view)>;

/// Writes gzip to `out`. Owners in the range that a pod's user namespace had are written as seen inside.
Reply pack_aci(const DirFd& tree, std::string_view manifest, Shift shift, int out, const OnNote& note);

}  // namespace rkt::unpack
