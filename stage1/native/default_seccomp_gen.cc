// SPDX-License-Identifier: Apache-2.0
// Build-time program: prints the default seccomp program as the elements of an array of sock_filter.
#include <cstdio>

#include "stage1/native/syscall_sets.h"

int main() {
  for (const auto& i : rkt::make_seccomp_program(rkt::native::default_seccomp()))
    std::printf("{0x%02x, %u, %u, 0x%08x},\n", i.code, i.jt, i.jf, i.k);
  return 0;
}
