// SPDX-License-Identifier: Apache-2.0
#include "schema/appc/pid_mode.h"

#include "base/error.h"
#include "base/strings.h"

namespace rkt::appc {

PidMode parse_pid_mode(std::string_view text) {
  if (text == "pod") return PidMode::pod;
  if (text == "private") return PidMode::own;
  throw Error(Errc::invalid, cat("invalid pid mode ", quoted(text), ": it is pod or private"));
}

PidMode pid_mode_of(const std::vector<Annotation>& annotations) {
  const auto* text = find_app_flag(annotations, "pid");
  return text != nullptr ? parse_pid_mode(*text) : PidMode::pod;
}

}  // namespace rkt::appc
