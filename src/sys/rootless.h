// SPDX-License-Identifier: Apache-2.0
// Root of a user namespace of one's own, for who is not root of the host: the caller's id is 0 in it, his ranges of
// /etc/subuid and /etc/subgid are 1, 2 …. Nothing here has privileges: newuidmap and newgidmap (package uidmap) decide
// which ids are the caller's to use. Single-threaded callers only.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sys/userns.h"

namespace rkt {

/// Which ids this process's user namespace has: those of the host (or of a container as a whole that is told so by
/// nobody), some of them, or one alone.
enum class Ids : std::uint8_t { all, some, one };
/// Read once.
Ids known_ids();
/// The same from the text of a uid_map.
Ids ids_in(std::string_view map);
/// Whether an id of this user namespace stands for somebody; `map`: the text of a uid_map or gid_map.
bool has_id(std::string_view map, std::uint32_t id);
/// Ditto, of this process. Always true for Ids::all.
bool has_user(uid_t id);
bool has_group(gid_t id);

/// The first range that /etc/subuid or /etc/subgid gives to the user, by name or number, with 0 < count.
std::optional<IdRange> find_subordinate(std::string_view file, std::string_view name, uid_t uid);
/// All ranges of such a file, whoever has them.
std::vector<IdRange> subordinate_ranges(std::string_view file);
/// The name of a user in the text of a passwd file.
std::optional<std::string_view> find_user_name(std::string_view file, uid_t uid);

/// This process becomes root of a new user namespace, with a mount namespace that belongs to it. Returns why the
/// caller's id is the only one in it (no ranges, no newuidmap), or "". Throws with a remedy where the kernel gives him
/// no user namespace.
std::string become_root_of_own_namespace();

/// This process becomes root of the user namespace that a process of the caller's is in, in a mount namespace of its
/// own. Throws.
void become_root_beside(int pidfd);

}  // namespace rkt
