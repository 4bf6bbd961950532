// SPDX-License-Identifier: Apache-2.0
#include "image/pull_plan.h"

namespace rkt::image {

PullStep plan_pull(PullPolicy policy, RemoteKind kind, const std::optional<Stored>& stored) {
  const bool usable = stored && stored->standing == Standing::accepted;
  switch (policy) {
    case PullPolicy::never:
      if (!stored) return PullStep::give_up;
      return usable ? PullStep::use_store : PullStep::refuse_stored;
    case PullPolicy::fresh:
      // A key that was withdrawn is a decision of the administrator: say so instead of looking for the image elsewhere.
      if (stored && stored->standing == Standing::revoked) return PullStep::refuse_stored;
      return usable ? PullStep::use_store : PullStep::fetch;
    case PullPolicy::update:
      break;
  }
  // A manifest is asked for again each time; its layers come from the store.
  if (!usable || !stored->cacheable || !stored->complete || kind == RemoteKind::docker) return PullStep::fetch;
  if (stored->max_age.count() > 0 && stored->age < stored->max_age) return PullStep::use_store;
  return PullStep::fetch_if_changed;
}

}  // namespace rkt::image
