// SPDX-License-Identifier: Apache-2.0
#include <sys/utsname.h>

#include "base/error.h"
#include "base/strings.h"
#include "cli/env.h"
#include "cmd/registry.h"

namespace rkt::cmd {
namespace {

int print_version(cli::Env& env, const cli::Parsed&) {
  utsname u{};
  if (::uname(&u) < 0) throw Error::from_errno("read the machine's architecture");
  env.out(cat("rkt Version: ", RKT_VERSION, "\nappc Version: 0.8.11\nCompiler Version: ", __VERSION__,
              "\nOS/Arch: linux/", u.machine, "\nFeatures: -TPM -SDJOURNAL\n"));
  return 0;
}

}  // namespace

const cli::Command version{.name = "version",
                           .args = {},
                           .brief = "Print the version and exit",
                           .description = {},
                           .flags = {},
                           .run = print_version};

}  // namespace rkt::cmd
