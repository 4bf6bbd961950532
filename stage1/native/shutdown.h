// SPDX-License-Identifier: Apache-2.0
// Which apps run, when the pod ends and with which status: a state machine without effects, driven by the supervisor.
//
//   running --an app ends by SIGHUP, SIGINT, SIGTERM or SIGPIPE--> running (but its status is the pod's)
//   running --an app fails--> ending (its status is the pod's) --last app ended--> over
//   running --stop asked----> ending (status 0)                --kGrace passed---> the rest is killed
//   running --last app ended--> over
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <vector>

namespace rkt::native {

class Shutdown {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds kGrace{10};  ///< between SIGTERM and SIGKILL

  /// What the supervisor has to do now.
  enum class Do { nothing, terminate, kill };

  explicit Shutdown(std::size_t apps) : left_(apps) {}

  /// An app has ended for good. `status`: its code, or 128+n. `signal`: what ended its main process, or 0. The first
  /// failure decides about the pod; what ends while the pod is ending never does.
  Do app_ended(int status, Time now, int signal = 0);
  /// Asking again can only make the rest of the grace shorter.
  Do stop_asked(Time now, std::chrono::milliseconds grace = kGrace);
  Do time_passed(Time now);

  bool ending() const noexcept { return deadline_.has_value(); }
  bool over() const noexcept { return left_ == 0; }
  /// When time_passed() has something to say.
  std::optional<Time> deadline() const noexcept { return killed_ ? std::nullopt : deadline_; }
  int pod_status() const noexcept { return status_; }

 private:
  std::size_t left_;
  int status_ = 0;
  bool killed_ = false;
  std::optional<Time> deadline_;
};

}  // namespace rkt::native
