// SPDX-License-Identifier: Apache-2.0
// Whether and when an app that has ended is started again: a state machine without effects. The first time after
// kFirst, then twice as long each time up to kMost; an app that ran for kSound begins anew with kFirst.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/error.h"
#include "schema/appc/restart.h"

namespace rkt::native {

/// Several apps in a pod without cgroups: what an app leaves behind could not be told from the others, and would add
/// up.
inline Error no_restarts() {
  return Error(Errc::unsupported, "--restart needs cgroups here, to tell which processes an ended app has left")
      .hint("run each such app in a pod of its own, or give this user a cgroup (systemd: Delegate=yes)");
}

/// Whether a start that failed with this errno fails the same way the next time, so that the app is not started again.
/// 0: the engine itself refused it. Everything else passes: no memory, no process, an address or a file in use.
bool fails_again(int err);

class Restarts {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::milliseconds kFirst{100}, kMost{60'000};
  static constexpr std::chrono::seconds kSound{10};

  explicit Restarts(appc::RestartPolicy policy = {}) : policy_(policy) {}
  /// Or tried to.
  void started(Time now) { started_ = now; }
  /// It has ended with `status`: how long to wait, then it is to be started; that is counted. nullopt: for good.
  std::optional<std::chrono::milliseconds> ended(int status, Time now);
  std::uint32_t count() const noexcept { return count_; }

 private:
  appc::RestartPolicy policy_;
  std::uint32_t count_ = 0;
  std::chrono::milliseconds next_ = kFirst;
  Time started_;
};

}  // namespace rkt::native
