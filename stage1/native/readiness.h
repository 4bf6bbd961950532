// SPDX-License-Identifier: Apache-2.0
// When a pod is ready, and who is told (docs/devel/stage1-native.md; reference: pods §9). Outer's side.
//
// An app whose image says that it speaks sd_notify has POD/notify/APP on its /run/systemd/notify. The pod is ready when
// everything is launched and each of these apps has said READY=1, or has ended. Nothing else of what they say is passed
// on: it is taken and dropped, also later, since many programs log each message that nobody takes. Who sends
// descriptors is not listened to any more, and its app counts as ready.
#pragma once

#include <poll.h>

#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stage1/native/datagrams.h"
#include "stage1/native/events.h"
#include "sys/dir.h"
#include "sys/fd.h"

namespace rkt::native {

constexpr const char* kAppNotifySocket = "/run/systemd/notify";
std::string notify_source(const std::string& app);  ///< relative to POD

/// POD/notify/APP, as long as the app runs. An app may write as fast as it can, and outer is in no cgroup of the pod's:
/// so few messages are taken in some time, and then the app waits in its socket.
class NotifySocket {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr int kAtOnce = 16;                     ///< messages ...
  static constexpr std::chrono::milliseconds kTime{20};  ///< ... in so long

  NotifySocket() = default;  ///< not listened to
  NotifySocket(NotifySocket&&) = default;
  NotifySocket& operator=(NotifySocket&& o) noexcept {
    std::swap(fd_, o.fd_);
    taken_ = o.taken_;
    since_ = o.since_;
    ready_ = o.ready_;
    return *this;
  }
  NotifySocket(const NotifySocket&) = delete;
  NotifySocket& operator=(const NotifySocket&) = delete;
  ~NotifySocket() { reset(); }
  /// Made anew.
  static NotifySocket make(const DirFd& pod, const std::string& app);
  explicit operator bool() const noexcept { return static_cast<bool>(fd_); }
  void reset() noexcept { (void)close_datagrams(fd_); }  ///< nobody can send from here on
  void give_up() noexcept { fd_.reset(); }               ///< for the other half of a clone: the app goes on being heard
  /// One `now` for these two, before polling: what is not watched has a deadline.
  void watch(std::vector<pollfd>& events, Time now) const;
  Deadline deadline(Time now) const;
  /// After polling: takes what is there, and never more than may be taken now. True, once: it says READY=1.
  bool take(std::span<const pollfd> events, Time now);

 private:
  bool rests(Time now) const { return taken_ >= kAtOnce && now < since_ + kTime; }

  UniqueFd fd_;
  int taken_ = 0;  // since then
  Time since_{};
  bool ready_ = false;
};

class Readiness {
 public:
  using Time = NotifySocket::Time;
  /// `on_ready`: once.
  explicit Readiness(std::function<void()> on_ready) : on_ready_(std::move(on_ready)) {}
  /// Before anything is launched.
  void expect(const DirFd& pod, const std::string& app, std::size_t index);
  void launched();
  void app_ended(std::size_t index);
  void watch(std::vector<pollfd>& events, Time now) const;
  Deadline deadline(Time now) const;
  void handle(std::span<const pollfd> events, Time now);
  /// For the other half of a clone.
  void give_up() noexcept {
    for (auto& a : apps_) a.socket.give_up();
    apps_.clear();
  }

 private:
  struct App {
    std::size_t index;
    NotifySocket socket;
    bool ready = false;
  };
  void look();

  std::function<void()> on_ready_;
  std::vector<App> apps_;
  bool launched_ = false, told_ = false;
};

/// Tells the service manager that rkt was started by, when there is one: NOTIFY_SOCKET. A manager that does not listen
/// is not waited for.
void notify_manager(std::string_view text) noexcept;

}  // namespace rkt::native
