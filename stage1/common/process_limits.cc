// SPDX-License-Identifier: Apache-2.0
#include "stage1/common/process_limits.h"

#include <algorithm>
#include <optional>

#include "base/error.h"

namespace rkt::stage1 {
namespace {

rlimit own_limit(int kind) {
  rlimit out{};
  if (::getrlimit(static_cast<__rlimit_resource>(kind), &out) < 0) throw Error::from_errno("look at own limits");
  return out;
}

// Of descriptors, before raise_descriptor_limit().
std::optional<rlimit>& callers_descriptors() {
  static std::optional<rlimit> limit;
  return limit;
}

}  // namespace

ProcessLimits callers_limits() {
  ProcessLimits out;
  for (int kind = 0; kind < RLIM_NLIMITS; ++kind) out.resources[static_cast<std::size_t>(kind)] = own_limit(kind);
  out.resources[RLIMIT_NOFILE] = descriptor_limit();
  out.nice = ::getpriority(PRIO_PROCESS, 0);
  return out;
}

rlimit descriptor_limit() { return callers_descriptors() ? *callers_descriptors() : own_limit(RLIMIT_NOFILE); }

void raise_descriptor_limit() {
  rlimit limit = own_limit(RLIMIT_NOFILE);
  if (limit.rlim_cur == limit.rlim_max) return;
  callers_descriptors() = limit;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

// Tried, not asked for: root of a user namespace has the capability and may not.
ProcessLimits within_reach(ProcessLimits wanted) {
  for (int kind = 0; kind < RLIM_NLIMITS; ++kind) {
    rlimit& limit = wanted.resources[static_cast<std::size_t>(kind)];
    const rlimit own = own_limit(kind);
    const rlimit raised{.rlim_cur = own.rlim_cur, .rlim_max = limit.rlim_max};
    if (limit.rlim_max > own.rlim_max && ::setrlimit(static_cast<__rlimit_resource>(kind), &raised) < 0)
      limit.rlim_max = own.rlim_max;
    limit.rlim_cur = std::min(limit.rlim_cur, limit.rlim_max);
  }
  (void)::setpriority(PRIO_PROCESS, 0, wanted.nice);  // who may not have a lower one keeps his own
  return wanted;
}

void take_limits(const ProcessLimits& limits) {
  const ProcessLimits given = within_reach(limits);
  for (int kind = 0; kind < RLIM_NLIMITS; ++kind) {
    const rlimit& limit = given.resources[static_cast<std::size_t>(kind)];
    const rlimit own = own_limit(kind);
    // The kernel refuses even that where fs.nr_open was lowered since.
    if (own.rlim_cur == limit.rlim_cur && own.rlim_max == limit.rlim_max) continue;
    if (::setrlimit(static_cast<__rlimit_resource>(kind), &limit) < 0)
      throw Error::from_errno("take the limits of the app");
  }
}

}  // namespace rkt::stage1
