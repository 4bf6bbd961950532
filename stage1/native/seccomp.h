// SPDX-License-Identifier: Apache-2.0
// System call filters of apps (reference: pods §5.4): what a set means, and the BPF program for it. The default filter
// is made when stage1 is built (seccomp_generate.cc), so that a start does not pay for it; others are made by
// libseccomp at start.
#pragma once

#include <linux/filter.h>

#include <optional>
#include <string>
#include <vector>

#include "schema/appc/isolators.h"

namespace rkt::native {

/// Names with wildcards expanded. `unfiltered`: @appc.io/all was retained.
struct SyscallPolicy {
  bool unfiltered = false;
  bool retain = true;     ///< names are allowed (true) or refused
  bool defaults = false;  ///< the default policy: names unused
  std::vector<std::string> names;
  std::string errno_name;  ///< what refused calls return; "": they kill the process
};
/// Pure. Throws for a wildcard nobody knows: a set that would silently be smaller or larger than asked must not run.
SyscallPolicy expand_set(const std::optional<appc::SeccompSet>& set);

/// The filter program; empty: none.
std::vector<sock_filter> build_filter(const SyscallPolicy& policy);
/// The same; the default policy comes from the table made at build time.
std::vector<sock_filter> filter_for(const SyscallPolicy& policy);

}  // namespace rkt::native
