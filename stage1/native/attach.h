// SPDX-License-Identifier: Apache-2.0
// Apps' streams for those who attach, outer's side (docs/devel/app-streams.md). POD/attach is a SOCK_SEQPACKET socket
// that only root may use; it is there when an app has a stream that is `stream` or `tty`.
//
//   client -> "list APP" | "attach APP STREAM,…"     answered "0 STREAM,…" or "STATUS what is wrong"
//   then   -> i BYTES | w ROWS COLUMNS                typed; the size of the client's terminal. It may shut its side
//                                                     down and go on reading
//          <- o BYTES | e BYTES | x                   output; the app's streams have ended
//
// A stream waits for each of its clients, but none for longer than kPatience without taking anything: then the client
// is let go of. Nothing is kept for those who are not there.
#pragma once

#include <poll.h>

#include <chrono>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stage1/native/control.h"
#include "sys/fd.h"

namespace rkt::native {

constexpr const char* kAttachSocket = "attach";
constexpr std::size_t kMaxMessage = std::size_t{16} << 10;

/// Ends of an app's streams, as a set.
enum AttachEnd : unsigned { kStdin = 1, kStdout = 2, kStderr = 4, kTtyIn = 8, kTtyOut = 16 };
/// "stdin,stdout", "tty": nullopt when a word is none of them. "auto" is every end.
std::optional<unsigned> parse_ends(std::string_view words);
std::string ends_text(unsigned ends);

/// One app's streams.
class AttachPoint {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds kPatience{10};

  AttachPoint(std::string app, std::size_t index) : app_(std::move(app)), index_(index) {}
  AttachPoint(AttachPoint&&) = delete;

  // The making side. An input is non-blocking.
  void offer_input(AttachEnd end, UniqueFd target);
  void offer_output(AttachEnd end) { offered_ |= end; }

  // The side that reads the app's output.
  void give(AttachEnd end, std::string_view bytes, Time now);
  bool holds_up(AttachEnd end) const;  ///< a client has not taken everything yet
  void output_ended(AttachEnd end);

 private:
  friend class Attachments;
  struct Client {
    UniqueFd fd;
    unsigned ends = 0;
    std::deque<std::string> waiting = {};  // messages that it could not take yet
    std::string typed = {};                // that the app could not take yet
    std::optional<Time> stuck_since = {};
    bool silent = false;  // it will type nothing more
    bool ended = false;   // let go of once nothing is waiting
  };
  void add(UniqueFd fd, unsigned ends);
  void send(Client& client, std::string message, Time now);
  void flush(Client& client, Time now);
  void receive(Client& client);
  void pass_on(Client& client);
  static void gone(Client& client);
  int target(const Client& client) const;
  void app_ended();
  bool over() const { return ended_ && clients_.empty() && live() == 0; }
  unsigned live() const { return offered_ & (kStdout | kStderr | kTtyOut); }

  std::string app_;
  std::size_t index_;
  unsigned offered_ = 0;
  bool ended_ = false;  // the app has
  UniqueFd stdin_, tty_;
  std::list<Client> clients_;
};

class Attachments {
 public:
  using Time = AttachPoint::Time;
  /// Listens from here on at POD/attach. Once.
  void listen(const DirFd& pod);
  /// `index`: of the app, for app_ended().
  std::shared_ptr<AttachPoint> make_point(const std::string& app, std::size_t index);
  void app_ended(std::size_t index);
  /// The pod has.
  void all_ended();
  bool idle() const;  ///< nobody is attached
  void watch(std::vector<pollfd>& events) const;
  void handle(std::span<const pollfd> events, Time now);
  std::optional<Time> deadline() const;  ///< when handle() has something to do even without events
  void give_up() noexcept;               ///< closes everything: for the other half of a clone

 private:
  void serve(const ControlRequest& request, UniqueFd client);
  std::size_t clients() const;  // of all apps
  AttachPoint* find(std::string_view app) const;
  static bool out_of_patience(const AttachPoint::Client& client, Time now);

  std::optional<ControlSocket> socket_;
  std::list<std::shared_ptr<AttachPoint>> points_;
};

}  // namespace rkt::native
