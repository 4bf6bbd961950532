// SPDX-License-Identifier: Apache-2.0
// Lists of system calls that seccomp isolators name (reference: pods §5.4).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sys/seccomp.h"

namespace rkt::native {

/// The reference's default list, with what libraries need that are younger than it.
std::vector<std::string> default_whitelist();

/// The rules of an app without a seccomp isolator.
SeccompRules default_seccomp();

/// Those of an app that retains the default list by name, which says no more than what is in it.
SeccompRules retained_default();

/// The calls without which nothing can be executed or can end: every list allows them.
std::span<const std::string_view> essential_calls();

/// Members of "@docker/default-whitelist", "@systemd/clock", …; nullopt: no such set. "@appc.io/all" and
/// "@appc.io/empty" are not sets of names and are not known here.
std::optional<std::vector<std::string>> expand_set(std::string_view wildcard);

}  // namespace rkt::native
