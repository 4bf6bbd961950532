// SPDX-License-Identifier: Apache-2.0
// Empty files and directories that rkt makes in an app's root to mount something on. They bear a mark, the attribute
// user.rkt.place, so that `rkt export` does not take them for the app's.
#pragma once

namespace rkt {

inline constexpr const char* kPlaceMark = "user.rkt.place";

/// `fd`: of a file that was just made, open for more than its path. Does nothing where a file system has no such
/// attributes.
void mark_place(int fd) noexcept;
/// `fd`: likewise. Whether it is still empty is for the caller to see.
bool is_place(int fd) noexcept;

}  // namespace rkt
