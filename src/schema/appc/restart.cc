// SPDX-License-Identifier: Apache-2.0
#include "schema/appc/restart.h"

#include "base/error.h"
#include "base/strings.h"

namespace rkt::appc {

RestartPolicy parse_restart(std::string_view text) {
  constexpr std::string_view kFailure = "on-failure", kLimited = "on-failure:";
  if (text == "no") return {};
  if (text == "always") return {.when = RestartPolicy::When::always, .most = std::nullopt};
  if (text == kFailure) return {.when = RestartPolicy::When::on_failure, .most = std::nullopt};
  if (text.starts_with(kLimited))
    if (const auto most = parse_int<std::uint32_t>(text.substr(kLimited.size())); most && *most > 0)
      return {.when = RestartPolicy::When::on_failure, .most = most};
  throw Error(Errc::invalid,
              cat("invalid restart policy ", quoted(text), ": it is no, on-failure, on-failure:N or always"));
}

}  // namespace rkt::appc
