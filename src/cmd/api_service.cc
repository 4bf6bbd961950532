// SPDX-License-Identifier: Apache-2.0
// The reference's gRPC service, which is not here: who starts it is told what to use.
#include "base/error.h"
#include "cli/env.h"
#include "cmd/registry.h"

namespace rkt::cmd {
namespace {

int refuse_api_service(cli::Env& /*env*/, const cli::Parsed& /*in*/) {
  throw Error(Errc::unsupported, "this rkt has no API service")
      .hint("use `rkt list`, `rkt status` and `rkt image list` with --format=json");
}

}  // namespace

const cli::Command api_service{.name = "api-service",
                               .args = "[--listen=ADDRESS]",
                               .brief = "Not in this rkt: see --format=json of rkt list, status and image list",
                               .flags = [] { return cli::Flags{cli::text("listen", "", "taken, without effect")}; },
                               .hidden = true,
                               .run = refuse_api_service};

}  // namespace rkt::cmd
