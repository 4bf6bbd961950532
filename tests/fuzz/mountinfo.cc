// SPDX-License-Identifier: Apache-2.0
// What the kernel says is mounted, names that strangers chose included.
#include "pod/mounts.h"
#include "tests/fuzz/fuzz.h"

void fuzz_one(std::string_view bytes) {
  rkt::fuzz::tolerate([&] {
    for (const auto& path : rkt::pod::plan_detach(bytes, "/var/lib/rkt"))
      rkt::fuzz::require(path == "/var/lib/rkt" || path.starts_with("/var/lib/rkt/"));
  });
}
