// SPDX-License-Identifier: Apache-2.0
// What is wrong with a program that could not be executed: found by who tried to, for nobody else is where the app's
// volumes are. System calls alone, so that it can be called between clone and exec.
#pragma once

#include <cstdint>

namespace rkt::stage1 {

enum class ExecFlaw : std::uint8_t {
  unknown,
  cannot_open,
  no_file,  ///< a directory, a pipe, …
  not_executable,
  forbidden_there,  ///< its file system is mounted "noexec"
};

struct ExecFinding {
  ExecFlaw flaw;
  int err;                ///< with cannot_open
  char interpreter[256];  ///< that is what has the flaw, or its beginning; "": the program itself
};

/// Follows a script to its interpreter and a program to its loader. Paths are relative to `root`, resolved as `resolve`
/// says (openat2). Reads as little as it needs of a file that an image wrote, and only what the caller may read.
void find_exec_flaw(int root, std::uint64_t resolve, const char* exe, ExecFinding& out) noexcept;

}  // namespace rkt::stage1
