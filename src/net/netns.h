// SPDX-License-Identifier: Apache-2.0
// The pod's network namespace, pinned as /run/netns/cni-… so that it outlives the pod until gc, and so that `ip netns`
// and other runtimes can see it. POD/netns holds the path.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "sys/dir.h"
#include "sys/fd.h"

namespace rkt::net {

/// A namespace with its loopback up, which takes the kernel half a millisecond. Root of the host only.
UniqueFd make_netns();

/// Brings the loopback of a namespace up that was made in another way. Throws.
void open_loopback(int netns);

/// Writes POD/netns first, then pins that namespace there: a crash in between leaves a path that unpin() knows, never a
/// pin that nobody knows. The namespace is asked for last. Returns the path. Root of the host only, who alone can pin
/// one there.
std::string pin_netns(const DirFd& pod, const std::function<int()>& netns);

/// A namespace of root of a user namespace, who could not come back from it into the host's, and that lives as long as
/// the pod's processes: a copy of this process makes it, brings its loopback up, runs `inside` and ends. What fails is
/// on stderr, and throws. Single-threaded callers only.
UniqueFd make_unpinned_netns(const std::function<void()>& inside = {});

/// The path in POD/netns; nullopt when there is none. Throws when it is no path that make_pinned_netns() could have
/// written.
std::optional<std::string> read_netns_path(const DirFd& pod);

/// Whether a namespace is (still) pinned there: not after a reboot.
bool is_netns(const std::string& path);

/// Detaches and removes the pin. Not mounted, not there: fine.
void unpin_netns(const std::string& path);

}  // namespace rkt::net
