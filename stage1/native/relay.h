// SPDX-License-Identifier: Apache-2.0
// Copies between rkt's own standard streams and the pipes or the terminal of apps, so that no descriptor of the host's
// files reaches a pod. Driven by somebody's poll loop; nothing here waits.
//
// A reader that is slow holds up only those who write to it. One that has gone closes the app's pipe: the app sees
// what it would see without rkt in between. What is kept in a log is in its file before a reader gets it.
#pragma once

#include <poll.h>

#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stage1/native/app_log.h"
#include "stage1/native/attach.h"
#include "stage1/native/escape.h"
#include "stage1/native/lines.h"
#include "stage1/native/sink.h"
#include "stage1/native/syslog.h"
#include "sys/fd.h"
#include "sys/pty.h"

namespace rkt::native {

/// For a descriptor that is this process's own end: nobody else sees the flag.
void set_nonblocking(int fd);

class Relay {
 public:
  Relay();
  /// Where output goes.
  struct Target {
    int stream = 1;         ///< 1 or 2
    bool console = true;    ///< rkt's own stream of that number
    std::string app = {};   ///< on the console in lines, each with a prefix that names this; "": as it is
    std::size_t index = 0;  ///< of the app; see set_pid()
    std::shared_ptr<AppLog> log = nullptr;  ///< kept there, too
    std::shared_ptr<AttachPoint> point = nullptr;
    AttachEnd end = kStdout;  ///< whose clients get it
  };
  /// What comes out of `source` goes to `target`.
  void add_output(UniqueFd source, Target target);
  void set_pid(std::size_t index, int pid);
  /// What comes in on stream 0 goes to `target`, a pipe; its end closes it.
  void add_input(UniqueFd target);
  /// Streams 0 and 1, a terminal, are coupled with the master of another one, which gets its size. Raw until the other
  /// side has gone.
  void add_terminal(UniqueFd master);
  void window_changed();
  /// The terminal has gone: the other one hangs up, too, which tells who has it open.
  void hang_up();

  /// A line of rkt's own on stream 2, in order with the rest; dropped when a reader that does not read has too much
  /// before it.
  void note(std::string_view text);

  /// Who is attached to apps' streams: part of this loop.
  Attachments& attachments() noexcept { return attachments_; }
  /// What they give to syslog(3): likewise.
  Syslog& syslog() noexcept { return syslog_; }
  /// Nobody attaches to that app any more, or to any, and nothing more comes from its syslog(3).
  void app_ended(std::size_t index);
  void all_ended();  ///< and end_output() of all
  /// The app and all its processes are gone: what does not come at once does not come. An output may still be open: an
  /// app can leave its descriptor in a message that nobody takes, or give it to another pod.
  void end_output(std::size_t index);

  /// Appends what to wait for.
  void watch(std::vector<pollfd>& events) const;
  /// When handle() has something to do even if nothing happens.
  std::optional<std::chrono::steady_clock::time_point> deadline() const;
  /// Copies what is there; `events` is what watch() appended, polled.
  void handle(std::span<const pollfd> events);

  /// Closes everything, and leaves the terminal as it is: for the other half of a clone.
  void give_up() noexcept;

  /// Nobody will read what comes in from now on.
  void end_input() noexcept { close_input(); }
  /// Nothing waits for a reader.
  bool flushed() const noexcept { return out_.idle() && err_.idle(); }
  /// From now on a stream of rkt's that cannot be written ends the app's, as if its reader had gone.
  void end_on_failure() noexcept { strict_ = true; }
  /// Throws when bytes were lost while there was a reader: write standard output: no space left on device.
  void check_written() const;
  /// Something may still come out, or be waiting for its reader.
  bool active() const noexcept;
  /// The user asked to get out of the terminal.
  bool escaped() const noexcept { return escaped_; }

 private:
  struct Output {
    UniqueFd source;
    Target to;
    Sink* sink = nullptr;  // nullptr: no console
    int pid = 0;
    LineSplitter lines = {};
    bool over = false;      // see end_output()
    std::size_t taken = 0;  // since then

    bool may_read() const noexcept {
      return source && (sink == nullptr || sink->idle()) && (!to.point || !to.point->holds_up(to.end));
    }
  };
  Sink& errors() noexcept { return one_console_ ? out_ : err_; }
  void read_outputs(std::span<const pollfd> events);
  void read_output(Output& output, std::size_t most);
  void show(Output& output, std::string_view bytes);
  void close_output(Output& output);
  void drain(Output& output);
  void read_input();
  void write_input();
  void close_input() noexcept;

  Sink out_{1}, err_{2};
  bool one_console_;  // out_ has it
  std::deque<Output> outputs_;
  std::size_t next_ = 0;  // of them, to be read first
  Attachments attachments_;
  Syslog syslog_;
  UniqueFd input_;  // where stream 0 goes
  std::string pending_input_;
  bool terminal_ = false, escaped_ = false, strict_ = false;
  EscapeSequence escape_;
  std::optional<RawMode> raw_;
};

}  // namespace rkt::native
