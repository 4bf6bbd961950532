// SPDX-License-Identifier: Apache-2.0
// Runs while stage1 is built: prints the default filter as a C++ table.
#include <cstdio>
#include <exception>

#include "stage1/native/seccomp.h"

int main() {
  try {
    std::puts(
        "// Made by seccomp_generate: the default system call filter.\nstatic constexpr sock_filter kDefaultFilter[] = "
        "{");
    for (const auto& i : rkt::native::build_filter({.defaults = true}))
      std::printf("{%u, %u, %u, %u},\n", i.code, i.jt, i.jf, i.k);
    std::puts("};");
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "seccomp_generate: %s\n", e.what());
    return 1;
  }
}
