// SPDX-License-Identifier: Apache-2.0
// When a pod is ready, and who is told (docs/devel/stage1-native.md; reference: pods §9). Outer's side.
//
// An app whose image says that it speaks sd_notify has POD/notify/APP on its /run/systemd/notify. The pod is ready when
// everything is launched and each of these apps has said READY=1, or has ended. Nothing else of what they say is passed
// on, descriptors that come with it are closed, and who has said it is not listened to any more.
#pragma once

#include <poll.h>

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sys/dir.h"
#include "sys/fd.h"

namespace rkt::native {

constexpr const char* kAppNotifySocket = "/run/systemd/notify";
std::string notify_source(const std::string& app);  ///< relative to POD
/// POD/notify/APP, made anew.
UniqueFd make_notify_socket(const DirFd& pod, const std::string& app);
/// Takes one message from there. Whether it says READY=1.
bool says_ready(int socket);

class Readiness {
 public:
  /// `on_ready`: once.
  explicit Readiness(std::function<void()> on_ready) : on_ready_(std::move(on_ready)) {}
  /// Before anything is launched.
  void expect(const DirFd& pod, const std::string& app, std::size_t index);
  void launched();
  void app_ended(std::size_t index);
  void watch(std::vector<pollfd>& events) const;
  void handle(std::span<const pollfd> events);
  void give_up() noexcept { apps_.clear(); }  ///< for the other half of a clone

 private:
  struct App {
    std::size_t index;
    UniqueFd socket;
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
