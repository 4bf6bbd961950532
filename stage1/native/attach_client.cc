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
#include <optional>

#include "base/error.h"
#include "base/strings.h"
#include "stage1/native/attach.h"
#include "stage1/native/commands.h"
#include "stage1/native/escape.h"
#include "stage1/native/options.h"
#include "sys/file.h"
#include "sys/pty.h"

namespace rkt::native {
namespace {

constexpr unsigned kTerminal = kTtyIn | kTtyOut;

class AttachSession {
 public:
  AttachSession(UniqueFd pod, unsigned ends) : pod_(std::move(pod)), ends_(ends) {
    if ((ends_ & kTerminal) == 0 || !is_terminal(STDIN_FILENO)) return;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGWINCH);
    if (::sigprocmask(SIG_BLOCK, &set, nullptr) < 0) throw Error::from_errno("block signals");
    resized_.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    tell_size();
    if ((ends_ & kTtyIn) != 0) raw_.emplace(STDIN_FILENO);
  }

  void run() {
    bool input = (ends_ & (kStdin | kTtyIn)) != 0;
    while (!over_) {
      std::array<pollfd, 3> events = {
          {{pod_.get(), POLLIN, 0}, {input ? STDIN_FILENO : -1, POLLIN, 0}, {resized_.get(), POLLIN, 0}}};
      if (::poll(events.data(), events.size(), -1) < 0) {
        if (errno == EINTR) continue;
        throw Error::from_errno("wait for the app");
      }
      if (events[0].revents != 0) take_output();
      if (events[1].revents != 0) input = pass_input();
      if (events[2].revents != 0) tell_size();
    }
  }

 private:
  void take_output() {
    const auto message = receive_text(pod_.get(), kMaxMessage + 1);
    if (!message)
      throw Error(Errc::system, "the pod has gone, or has given up on a reader that took nothing for 10 seconds");
    const std::string_view body = std::string_view(*message).substr(1);
    if (message->front() == 'x') over_ = true;
    if (message->front() == 'o') write_all(STDOUT_FILENO, body, "standard output");
    if (message->front() == 'e') write_all(STDERR_FILENO, body, "standard error");
  }

  // False at its end.
  bool pass_input() {
    std::array<char, 4096> buffer;
    const ssize_t n = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) return true;
    if (n <= 0) {  // the pod says when it has passed everything on
      (void)!::shutdown(pod_.get(), SHUT_WR);
      return false;
    }
    const std::string_view typed(buffer.data(), static_cast<std::size_t>(n));
    if (raw_ && escape_.feed(typed, std::chrono::steady_clock::now()))
      over_ = true;
    else
      tell(cat('i', typed));
    return true;
  }

  void tell_size() {
    signalfd_siginfo info{};
    while (resized_ && ::read(resized_.get(), &info, sizeof info) == sizeof info) {
    }
    winsize size{};
    if (::ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0) tell(cat('w', size.ws_row, ' ', size.ws_col));
  }

  void tell(const std::string& message) const {
    while (::send(pod_.get(), message.data(), message.size(), MSG_NOSIGNAL) < 0 && errno == EINTR) {
    }
  }

  UniqueFd pod_, resized_;
  unsigned ends_;
  bool over_ = false;
  EscapeSequence escape_;
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
  AttachSession(std::move(pod), parse_ends(answer.text).value_or(0)).run();
  return 0;
}

}  // namespace rkt::native
