// SPDX-License-Identifier: Apache-2.0
// Build-time program: prints the seccomp programs that most apps have, as arrays of sock_filter.
#include <cstdio>

#include "stage1/native/syscall_sets.h"

namespace {

void print(const char* name, const rkt::SeccompRules& rules) {
  std::printf("constexpr sock_filter %s[] = {\n", name);
  for (const auto& i : rkt::make_seccomp_program(rules))
    std::printf("{0x%02x, %u, %u, 0x%08x},\n", i.code, i.jt, i.jf, i.k);
  std::printf("};\n");
}

}  // namespace

int main() {
  print("kDefaultFilter", rkt::native::default_seccomp());
  print("kRetainedDefaultFilter", rkt::native::retained_default());
  return 0;
}
