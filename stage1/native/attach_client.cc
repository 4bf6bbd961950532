// SPDX-License-Identifier: Apache-2.0
// attach: this process's standard streams are an app's, as far as it has them (attach.h). Ends with the app's streams,
// with its own input when nothing else was asked for, or with ^] three times on a terminal.
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>
#include <optional>

#include "base/error.h"
#include "base/strings.h"
#include "stage1/native/attach.h"
#include "stage1/native/commands.h"
#include "stage1/native/escape.h"
#include "stage1/native/options.h"
#include "stage1/native/sink.h"
#include "sys/file.h"
#include "sys/pty.h"

namespace rkt::native {
namespace {

constexpr unsigned kTerminal = kTtyIn | kTtyOut;
constexpr std::size_t kMostUntold = 1024;  // messages that wait for the pod while the terminal is still read

class AttachSession {
 public:
  AttachSession(UniqueFd pod, unsigned ends) : pod_(std::move(pod)), ends_(ends) {
    input_ = (ends_ & (kStdin | kTtyIn)) != 0;
    if ((ends_ & kTerminal) == 0 || !is_terminal(STDIN_FILENO)) return;
    sigset_t set;
    sigemptyset(&set);
    for (const int number : {SIGWINCH, SIGTERM, SIGHUP, SIGINT, SIGQUIT}) sigaddset(&set, number);
    if (::sigprocmask(SIG_BLOCK, &set, nullptr) < 0) throw Error::from_errno("block signals");
    signals_.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    tell_size();
    if ((ends_ & kTtyIn) != 0) raw_.emplace(STDIN_FILENO);
  }

  /// Returns the exit status.
  int run() {
    while (!left_ && (!over_ || !written())) {
      // Output is taken while input waits: an app that does not get rid of its output takes no input.
      const bool waiting = !untold_.empty();
      const int of_pod = (!over_ && written() ? POLLIN : 0) | (waiting ? POLLOUT : 0);
      std::array<pollfd, 5> events = {{{of_pod != 0 ? pod_.get() : -1, static_cast<short>(of_pod), 0},
                                       {takes_input() ? STDIN_FILENO : -1, POLLIN, 0},
                                       {signals_.get(), POLLIN, 0},
                                       {out_.idle() ? -1 : out_.fd(), POLLOUT, 0},
                                       {err_.idle() ? -1 : err_.fd(), POLLOUT, 0}}};
      if (::poll(events.data(), events.size(), -1) < 0) {
        if (errno == EINTR) continue;
        throw Error::from_errno("wait for the app");
      }
      if (events[3].revents != 0) out_.flush();
      if (events[4].revents != 0) err_.flush();
      if ((events[0].revents & ~POLLOUT) != 0 && written()) take_output();
      if ((events[0].revents & POLLOUT) != 0) flush();
      if (events[1].revents != 0) pass_input();
      if (events[2].revents != 0) take_signals();
      check_output();
    }
    return status_;
  }

 private:
  bool written() const { return out_.idle() && err_.idle(); }

  // A terminal is read while input waits too: ^] must work then. What it gives goes nowhere else meanwhile.
  bool takes_input() const { return input_ && (raw_ ? untold_.size() < kMostUntold : !over_ && untold_.empty()); }

  void take_output() {
    const auto message = receive_text(pod_.get(), kMaxMessage + 1);
    if (!message)
      throw Error(Errc::system, "the pod has gone, or has given up on a reader that took nothing for 10 seconds");
    const std::string_view body = std::string_view(*message).substr(1);
    if (message->front() == 'x') over_ = true;
    if (message->front() == 'o') out_.write(body);
    if (message->front() == 'e') err_.write(body);
  }

  void check_output() {
    for (const Sink* sink : {&out_, &err_}) {
      if (sink->broken()) {  // `rkt attach … | head` has seen enough
        left_ = true;
        status_ = 128 + SIGPIPE;
      } else if (sink->failure() != 0) {
        throw Error::from_errno(cat("write ", sink == &out_ ? "standard output" : "standard error"), sink->failure());
      }
    }
  }

  void pass_input() {
    std::array<char, 4096> buffer;
    const ssize_t n = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) return;
    if (n <= 0) {  // the pod says when it has passed everything on
      (void)!::shutdown(pod_.get(), SHUT_WR);
      input_ = false;
      return;
    }
    const std::string_view typed(buffer.data(), static_cast<std::size_t>(n));
    if (raw_ && escape_.feed(typed, std::chrono::steady_clock::now()))
      left_ = true;
    else
      tell(cat('i', typed));
  }

  void take_signals() {
    signalfd_siginfo info{};
    while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
      if (info.ssi_signo == SIGWINCH) continue;
      left_ = true;
      status_ = 128 + static_cast<int>(info.ssi_signo);
    }
    tell_size();
  }

  void tell_size() {
    winsize size{};
    if (::ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0) tell(cat('w', size.ws_row, ' ', size.ws_col));
  }

  void tell(std::string message) {
    untold_.push_back(std::move(message));
    flush();
  }

  void flush() {
    while (!untold_.empty()) {
      const std::string& m = untold_.front();
      if (::send(pod_.get(), m.data(), m.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
        if (errno == EINTR) continue;
        if (errno == EAGAIN) return;
        untold_.clear();  // the pod has gone, which is said where its output is taken
        return;
      }
      untold_.pop_front();
    }
  }

  UniqueFd pod_, signals_;
  unsigned ends_;
  bool input_ = false;
  bool over_ = false;  // the app's streams have ended; what came of them is still to be written
  bool left_ = false;  // at once
  int status_ = 0;
  std::deque<std::string> untold_;  // messages that the pod could not take yet
  EscapeSequence escape_;
  Sink out_{STDOUT_FILENO}, err_{STDERR_FILENO};
  std::optional<RawMode> raw_;
};

std::pair<UniqueFd, ControlAnswer> request(const std::string& text) {
  UniqueFd pod;
  try {
    pod = connect_to(DirFd::open("."), kAttachSocket);
  } catch (const Error& e) {
    if (e.sys_errno() != ENOENT && e.sys_errno() != ECONNREFUSED) throw;
    throw Error(Errc::not_found, "no app of the pod has a stream to attach to")
        .hint("run it with --stdin=stream, --stdout=stream, …");
  }
  ControlAnswer answer = ask(pod.get(), text);
  if (answer.status != 0) throw Error(Errc::system, answer.text).exit_with(answer.status);
  return {std::move(pod), std::move(answer)};
}

}  // namespace

int attach(const std::vector<std::string>& args) {
  const AttachOptions options = parse_attach(args);
  if (options.list) {
    const auto [pod, answer] = request(cat("list ", options.app));
    std::string text = answer.text;
    std::ranges::replace(text, ',', '\n');
    write_all(STDOUT_FILENO, text.empty() ? "" : text + "\n", "standard output");
    return 0;
  }
  auto [pod, answer] = request(cat("attach ", options.app, " ", options.streams));
  ::signal(SIGPIPE, SIG_IGN);  // the terminal is given back first
  return AttachSession(std::move(pod), parse_ends(answer.text).value_or(0)).run();
}

}  // namespace rkt::native
