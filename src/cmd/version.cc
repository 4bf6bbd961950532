// SPDX-License-Identifier: Apache-2.0
#include "base/strings.h"
#include "cli/env.h"
#include "cmd/registry.h"
#include "schema/appc/types.h"

namespace rkt::cmd {
namespace {

int print_version(cli::Env& env, const cli::Parsed&) {
  const auto platform = appc::host_platform();  // the names of Go, as the reference
  env.out(cat("rkt Version: ", RKT_VERSION, "\nappc Version: 0.8.11\nGo Version: none (C++, g++ ", __VERSION__,
              ")\nGo OS/Arch: ", platform.os, "/", platform.arch, "\nFeatures: -TPM -SDJOURNAL\n"));
  return 0;
}

}  // namespace

const cli::Command version{.name = "version",
                           .args = {},
                           .brief = "Print the version and exit",
                           .description = {},
                           .flags = [] { return cli::Flags(); },
                           .run = print_version};

}  // namespace rkt::cmd
