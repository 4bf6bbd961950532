// SPDX-License-Identifier: Apache-2.0
// What the outer process writes down about a running pod: each app's status (contract), what `enter` needs, and that
// the pod is ready. A full disk must not keep a pod from running or ending: what could not be written is said. The room
// for an app's status is taken when it starts (rkt/status/APP.reserved).
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "stage1/native/plan.h"
#include "stage1/native/state.h"
#include "sys/dir.h"

namespace rkt::native {

class Record {
 public:
  using Say = std::function<void(std::string_view)>;
  /// Borrows the directories: POD and S1.
  Record(const DirFd& pod, const DirFd& stage1, Restrictions restrictions, Say say);
  /// rkt/status/APP-started, of an app that is about to be started because somebody asked for it; what is on record of
  /// an earlier run is gone. Throws when that cannot be recorded, and then the app is none that runs on record: it has
  /// its last end, or was never started.
  void begun(const std::string& app) const;
  /// `pid`: in the pod.
  void started(const AppPlan& app, int pid);
  /// rkt/status/APP.oom-killed, of an app that was killed: how many of its processes the kernel has killed for want of
  /// memory in this life, unless none. Before ended(). `before`, `now`: how many in the earlier ones, and in all.
  void oom_killed(const std::string& app, std::uint64_t before, std::uint64_t now);
  /// rkt/status/APP.restarts: how often it was started again. It is not to be entered until it is.
  void restarts(const std::string& app, std::uint32_t count);
  /// rkt/status/APP; then the app is no longer to be entered.
  void ended(const std::string& app, int status);
  /// From here on the pod can be entered: state, POD/pid.
  void started_all(pid_t init);
  /// rkt/supervisor-status.
  void ready();

 private:
  void publish();
  void attempt(std::string_view what, const std::function<void()>& write) const;

  const DirFd& pod_;
  const DirFd& stage1_;
  PodState state_;
  Say say_;
  bool ready_ = false;
};

/// A small file that appears complete or not at all; not synced.
void replace_file(const DirFd& dir, const std::string& name, std::string_view text);

/// The same for a text that mostly grows at its end, which is then written there: to replace a file makes ext4 write
/// the new one to the disk. The first text of all may be seen in part.
class GrowingFile {
 public:
  GrowingFile(const DirFd& dir, std::string name) : dir_(dir), name_(std::move(name)) {}
  void set(std::string_view text);

 private:
  bool begin(std::string_view text);

  const DirFd& dir_;
  std::string name_, text_;
  UniqueFd fd_;
};

}  // namespace rkt::native
