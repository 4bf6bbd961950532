// SPDX-License-Identifier: Apache-2.0
// The environment of an app (reference: pods §4.1), and the file S1/rkt/env/APP that enter rebuilds it from.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "schema/appc/types.h"

namespace rkt::appc {

/// `own` as it is, then PATH, SHELL, USER, LOGNAME and HOME where `own` does not set them. Flavors add their own
/// variables.
std::vector<EnvVar> compose_environment(const std::vector<EnvVar>& own);

/// "K=V" each, for exec.
std::vector<std::string> as_strings(const std::vector<EnvVar>& env);

/// One K=V a line. A newline or backslash inside a value is written as \n or \\, so that no value can add a variable.
std::string write_env_file(const std::vector<EnvVar>& env);
std::vector<EnvVar> parse_env_file(std::string_view text);

}  // namespace rkt::appc
