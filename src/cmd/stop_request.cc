// SPDX-License-Identifier: Apache-2.0
#include "cmd/stop_request.h"

#include "base/error.h"
#include "base/strings.h"

namespace rkt::cmd {
namespace {

constexpr std::chrono::hours kLongest{24};

}  // namespace

cli::Flags stop_flags() {
  return {cli::toggle("force", false, "kill instead of asking"),
          cli::duration("grace-period", "10s", "how long after it was asked to end what still runs is killed")};
}

stage0::StopRequest stop_request(const cli::Parsed& in) {
  stage0::StopRequest out{.force = in.on("force"), .grace = std::nullopt};
  if (!in.given("grace-period")) return out;
  if (out.force) throw Error(Errc::usage, "--force and --grace-period exclude each other");
  out.grace = std::chrono::ceil<std::chrono::milliseconds>(in.duration("grace-period"));
  if (out.grace->count() < 0 || *out.grace > kLongest)
    throw Error(Errc::usage, cat("--grace-period is from 0s to ", kLongest.count(), "h"));
  return out;
}

}  // namespace rkt::cmd
