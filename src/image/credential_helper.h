// SPDX-License-Identifier: Apache-2.0
// docker-credential-NAME, a program that knows who one is at a registry: asked with "get" and the registry's name on
// its standard input. It runs as the caller, found on PATH, with an environment of what such programs need to find the
// caller's keys, and gets a minute.
#pragma once

#include <optional>
#include <string>

#include "config/accounts.h"

namespace rkt::image {

/// nullopt: it knows nobody there. Throws when it is missing, fails, or says what cannot be understood; never repeats a
/// secret.
std::optional<config::Account> ask_helper(const std::string& helper, const std::string& server);

}  // namespace rkt::image
