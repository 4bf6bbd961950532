// SPDX-License-Identifier: Apache-2.0
// --private-users: a range of user ids for a pod, and the owners of its files moved into it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pod/pod.h"
#include "sys/dir.h"
#include "sys/userns.h"

namespace rkt::stage0 {

/// Pure: a range of 65536 ids that meets none of `taken`; `random` supplies candidates.
IdRange plan_range(const std::vector<IdRange>& taken, const std::function<std::uint16_t()>& random);

/// A range that no other pod has, nor anybody in /etc/subuid or /etc/subgid, written into the pod. Two processes cannot
/// take the same one.
IdRange allocate_range(const pod::Pods& pods, const DirFd& pod);

/// The range of a pod; nullopt: it has none. Throws when what is written there is none.
std::optional<IdRange> find_range(const DirFd& pod);

/// Moves user and group of everything in `tree` by `shift`, once for a file with several names. Set-user-ID bits and
/// file capabilities stay; the latter become valid in the pod's user namespace only. Throws for an id outside `count`.
void shift_owners(const DirFd& tree, const IdRange& range);

}  // namespace rkt::stage0
