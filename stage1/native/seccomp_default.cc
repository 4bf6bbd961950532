// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/seccomp.h"

#include "stage1/native/default_filter.inc"

namespace rkt::native {

std::vector<sock_filter> filter_for(const SyscallPolicy& policy) {
  if (policy.defaults && !policy.unfiltered) return {std::begin(kDefaultFilter), std::end(kDefaultFilter)};
  return build_filter(policy);
}

}  // namespace rkt::native
