// SPDX-License-Identifier: Apache-2.0
// What apps give to syslog(3): each has a datagram socket on its /dev/log, whose other end is outer's, and what comes
// there is kept in the app's log (docs/devel/app-streams.md).
//
// A socket is new for each /dev that is made. Outer makes it, and whoever makes the /dev binds it and lets go of it.
// Nothing about the sender is believed but whose socket it has reached. Descriptors that come with a message are never
// taken out of the socket: the last close of one may take as long as its maker likes. Such a socket is read no more,
// and is closed by the end of this process alone.
#pragma once

#include <poll.h>

#include <chrono>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "stage1/native/app_log.h"
#include "sys/dir.h"
#include "sys/fd.h"

namespace rkt::native {

/// The text of a message: without what the log says itself, or has no word for. "<13>Oct  6 00:17:09 id[1]: text\n" is
/// "id[1]: text".
std::string_view syslog_text(std::string_view message);

/// Becomes "log" in `dev`, which everybody may write to.
void bind_syslog(int socket, const DirFd& dev);

/// An app may send as fast as it can, and outer is in no cgroup of the pod's: so few messages are taken in some time,
/// and then the app waits in its socket.
class Syslog {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr int kAtOnce = 128;                    ///< messages of an app, long ones counted by size ...
  static constexpr std::chrono::milliseconds kTime{20};  ///< ... in so long

  Syslog() = default;
  ~Syslog();  ///< as all_ended()
  Syslog(Syslog&&) = delete;
  /// What app `index` sends is kept there.
  void keep(std::size_t index, std::shared_ptr<AppLog> log);
  /// A new socket of that app, instead of the one before; to be bound. Empty: the app has sent descriptors.
  UniqueFd open(std::size_t index);
  /// It sends nothing more, and what it has sent is kept.
  void app_ended(std::size_t index);
  void all_ended();
  void watch(std::vector<pollfd>& events) const;
  void handle(std::span<const pollfd> events, Time now);
  std::optional<Time> deadline() const;  ///< when handle() has something to do even without events
  void give_up() noexcept;               ///< closes everything: for the other half of a clone

 private:
  struct App {
    std::size_t index;
    std::shared_ptr<AppLog> log;
    UniqueFd socket = {};
    int taken = 0;  // since then
    Time since = {};
    bool misused = false;
  };
  static bool take_one(App& app, char* buffer);
  static void finish(App& app);

  std::list<App> apps_;
};

}  // namespace rkt::native
