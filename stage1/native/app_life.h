// SPDX-License-Identifier: Apache-2.0
// The life of an app: a state machine without effects, driven by supervisor.h, and by mutable_app.h in mutable pods.
//
//   pre-start handlers, one after the other -> main process -> post-stop handlers -> over
//     ^        `- one failed ----------------------------------^             `-> waiting, to be started again
//     `---------------------------------------------------------------------------'
//
// It waits kFirst, then twice as long each time up to kMost; an app that ran for kSound begins anew with kFirst.
//
//   asked to end: what runs has been told so by the driver; then only post-stop handlers run. Who waits is over
//   killed:       nothing runs any more
//
// Its status is that of the main process, or of the pre-start handler that failed. A handler runs as root with the
// app's confinement and cgroup.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "stage1/native/plan.h"

namespace rkt::native {

class AppLife {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::milliseconds kFirst{100}, kMost{60'000};
  static constexpr std::chrono::seconds kSound{10};
  enum class Phase { pre_start, main, post_stop, waiting, over };

  /// What the driver has to do now.
  enum class Do {
    nothing,
    launch,   ///< program(); then ended() or failed() is called, once
    restart,  ///< count it, and kill what the app left; then time_passed() is called at start_at()
    end       ///< record status(), and kill what the app left; then tell who waits. Once
  };

  /// Borrows the plan. `awaited`: somebody waits for its start, and is to be told when that fails; so it is not started
  /// again before started().
  explicit AppLife(const AppPlan& plan, bool awaited = false) : plan_(plan), awaited_(awaited) {}

  Do begin(Time now);
  /// What was launched has ended with `status`: its code, or 128+n.
  Do ended(int status, Time now);
  /// It could not be launched, or never executed anything. `err`: why (errno); 0: the engine itself refused it.
  Do failed(int status, int err, Time now);
  Do time_passed(Time now);
  Do stop();
  Do kill();
  void started() noexcept { awaited_ = false; }

  Phase phase() const noexcept { return phase_; }
  bool in_main() const noexcept { return phase_ == Phase::main; }
  bool over() const noexcept { return phase_ == Phase::over; }
  bool killed() const noexcept { return killed_; }
  const std::vector<std::string>& program() const;
  int status() const noexcept { return status_; }
  std::optional<Time> start_at() const { return phase_ == Phase::waiting ? std::optional(start_at_) : std::nullopt; }
  std::uint32_t restarts() const noexcept { return restarts_; }

 private:
  Do next(Time now);
  Do end() noexcept;
  void turn_to_post_stop(int status) noexcept;
  bool starts_again() const;

  const AppPlan& plan_;
  Phase phase_ = Phase::pre_start;
  std::size_t handler_ = 0;
  int status_ = 0;
  bool awaited_;
  bool hopeless_ = false;  // it would fail to start again as well
  bool stopping_ = false, killed_ = false;
  std::uint32_t restarts_ = 0;
  std::chrono::milliseconds delay_ = kFirst;  // the next one
  Time started_, start_at_;
};

}  // namespace rkt::native
