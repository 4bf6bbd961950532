// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/relay.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>

#include "base/error.h"
#include "base/strings.h"
#include "stage1/native/events.h"

namespace rkt::native {
namespace {

constexpr std::size_t kChunk = std::size_t{64} << 10;  // as much as a pipe holds
constexpr std::size_t kLeft = 4096;  // when poll has seen nothing but the end: what came in between is read in parts
constexpr std::size_t kMostAtEnd = std::size_t{1} << 20;  // the largest pipe that an app can make of its own
constexpr std::size_t kTyped = std::size_t{4} << 10;
constexpr std::size_t kMaxBefore = std::size_t{2} << 20;  // a chunk of empty lines, each with its prefix, and notes
constexpr std::size_t kMaxTyped = std::size_t{64} << 10;  // of a terminal whose app does not read

std::chrono::microseconds since_boot() {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return std::chrono::seconds(t.tv_sec) + std::chrono::microseconds(t.tv_nsec / 1000);
}

// Whether both of rkt's streams go to one pipe, terminal or socket, which may take a part of what is written: two who
// write there put their lines into each other's.
bool are_streams_one() noexcept {
  struct stat out{}, err{};
  return ::fstat(STDOUT_FILENO, &out) == 0 && ::fstat(STDERR_FILENO, &err) == 0 && !S_ISREG(out.st_mode) &&
         out.st_dev == err.st_dev && out.st_ino == err.st_ino;
}

bool happened(std::span<const pollfd> events, int fd, int wanted) { return (revents_of(events, fd) & wanted) != 0; }

}  // namespace

void set_nonblocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) throw Error::from_errno("set up a pipe");
}

Relay::Relay() : one_console_(are_streams_one()) {}

void Relay::add_output(UniqueFd source, Target target) {
  set_nonblocking(source.get());
  Sink* const sink = !target.console ? nullptr : target.stream == 1 ? &out_ : &errors();
  std::erase_if(outputs_, [](const Output& o) { return !o.source; });
  outputs_.push_back({.source = std::move(source), .to = std::move(target), .sink = sink});
}

void Relay::set_pid(std::size_t index, int pid) {
  for (auto& o : outputs_)
    if (o.to.index == index) o.pid = pid;
}

void Relay::add_input(UniqueFd target) {
  set_nonblocking(target.get());
  input_ = std::move(target);
}

void Relay::add_terminal(UniqueFd master) {
  terminal_ = true;
  copy_window_size(0, master.get());
  add_input(dup_fd(master.get()));
  add_output(std::move(master), {});
  raw_.emplace(0);
}

void Relay::window_changed() {
  if (terminal_ && input_) copy_window_size(0, input_.get());
}

void Relay::hang_up() {
  if (!terminal_) return;
  for (auto& o : outputs_) close_output(o);
}

void Relay::note(std::string_view text) {
  if (errors().waiting() < kMaxBefore) errors().write(cat(text, "\n"));
}

void Relay::app_ended(std::size_t index) {
  attachments_.app_ended(index);
  syslog_.app_ended(index);
}

void Relay::all_ended() {
  attachments_.all_ended();
  syslog_.all_ended();
  for (auto& o : outputs_) drain(o);
}

void Relay::end_output(std::size_t index) {
  for (auto& o : outputs_)
    if (o.to.index == index) drain(o);
}

// Until a reader holds it up; then handle() goes on.
void Relay::drain(Output& o) {
  o.over = true;
  while (o.may_read()) read_output(o, kChunk);
}

std::optional<std::chrono::steady_clock::time_point> Relay::deadline() const {
  const auto one = attachments_.deadline(), other = syslog_.deadline();
  return one && other ? std::min(*one, *other) : one ? one : other;
}

void Relay::watch(std::vector<pollfd>& events) const {
  attachments_.watch(events);
  syslog_.watch(events);
  for (const Sink* sink : {&out_, &err_})
    if (!sink->idle()) events.push_back({sink->fd(), POLLOUT, 0});
  for (const auto& o : outputs_)
    if (o.may_read()) events.push_back({o.source.get(), POLLIN, 0});
  if (!input_) return;
  // A terminal is always read: its keys may be the way out.
  if (pending_input_.empty() || terminal_) events.push_back({STDIN_FILENO, POLLIN, 0});
  // Without events of its own: tells when the app's side has gone. A terminal's end is seen where it is read.
  if (!pending_input_.empty() || !terminal_)
    events.push_back({input_.get(), static_cast<short>(pending_input_.empty() ? 0 : POLLOUT), 0});
}

void Relay::handle(std::span<const pollfd> events) {
  const auto now = std::chrono::steady_clock::now();
  attachments_.handle(events, now);
  syslog_.handle(events, now);
  for (Sink* sink : {&out_, &err_})
    if (!sink->idle() && happened(events, sink->fd(), POLLOUT | POLLERR | POLLHUP)) sink->flush();
  read_outputs(events);
  if (!input_) return;
  if (!pending_input_.empty() && happened(events, input_.get(), POLLOUT | POLLERR | POLLHUP)) write_input();
  if (!terminal_ && input_ && happened(events, input_.get(), POLLERR)) close_input();
  if (input_ && happened(events, STDIN_FILENO, POLLIN | POLLERR | POLLHUP)) read_input();
}

// Whoever was read last is the last now: the first that is read may leave no room for the others.
void Relay::read_outputs(std::span<const pollfd> events) {
  const std::size_t first = next_;
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    const std::size_t at = (first + i) % outputs_.size();
    Output& o = outputs_[at];
    if (o.over) drain(o);
    if (!o.may_read()) continue;
    const bool more = happened(events, o.source.get(), POLLIN);
    if (!more && !happened(events, o.source.get(), POLLERR | POLLHUP)) continue;
    read_output(o, more ? kChunk : kLeft);
    next_ = at + 1;
  }
}

void Relay::read_output(Output& o, std::size_t most) {
  const auto buffer = std::make_unique_for_overwrite<char[]>(most);  // not on the stack, which never shrinks
  const ssize_t n = ::read(o.source.get(), buffer.get(), most);
  if (n < 0 && (errno == EINTR || (errno == EAGAIN && !o.over))) return;
  if (n <= 0 || o.taken > kMostAtEnd) return close_output(o);  // EIO: the last who had the terminal open has gone
  if (o.over) o.taken += static_cast<std::size_t>(n);
  const std::string_view bytes(buffer.get(), static_cast<std::size_t>(n));
  if (o.to.log) o.to.log->take(o.to.stream, bytes);
  if (o.to.point) o.to.point->give(o.to.end, bytes, std::chrono::steady_clock::now());
  if (o.sink == nullptr) return;
  show(o, bytes);
  if (o.sink->broken() || (strict_ && o.sink->failure() != 0)) close_output(o);
}

void Relay::show(Output& o, std::string_view bytes) {
  if (o.to.app.empty()) return o.sink->write(bytes);
  const auto prefix = line_prefix(since_boot(), o.to.app, o.pid);
  std::string text;
  o.lines.feed(bytes, [&](std::string_view line) { text += cat(prefix, line, "\n"); });
  o.sink->write(text);
}

void Relay::close_output(Output& o) {
  if (o.sink != nullptr)
    o.lines.end(
        [&](std::string_view line) { o.sink->write(cat(line_prefix(since_boot(), o.to.app, o.pid), line, "\n")); });
  if (o.to.log) o.to.log->end(o.to.stream);
  if (o.to.point) o.to.point->output_ended(o.to.end);
  o.source.reset();
  if (!terminal_) return;
  close_input();
  raw_.reset();
}

void Relay::read_input() {
  std::array<char, kTyped> buffer;
  const ssize_t n = ::read(STDIN_FILENO, buffer.data(), buffer.size());
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) return close_input();
  const std::string_view bytes(buffer.data(), static_cast<std::size_t>(n));
  escaped_ = escaped_ || (terminal_ && escape_.feed(bytes, std::chrono::steady_clock::now()));
  if (pending_input_.size() < kMaxTyped) pending_input_ += bytes;
  write_input();
}

void Relay::write_input() {
  const ssize_t n = ::write(input_.get(), pending_input_.data(), pending_input_.size());
  if (n >= 0)
    pending_input_.erase(0, static_cast<std::size_t>(n));
  else if (errno != EAGAIN && errno != EINTR)
    close_input();
}

void Relay::check_written() const {
  for (const Sink* sink : {&out_, &err_})
    if (!sink->broken() && sink->failure() != 0)
      throw Error::from_errno(cat("write ", sink == &out_ ? "standard output" : "standard error"), sink->failure());
}

void Relay::close_input() noexcept {
  input_.reset();
  pending_input_.clear();
}

void Relay::give_up() noexcept {
  outputs_.clear();
  for (Sink* sink : {&out_, &err_}) sink->give_up();
  attachments_.give_up();
  syslog_.give_up();
  close_input();
  if (raw_) raw_->release();
  raw_.reset();
}

bool Relay::active() const noexcept {
  return !flushed() || !attachments_.idle() ||
         std::ranges::any_of(outputs_, [](const Output& o) { return bool(o.source); });
}

}  // namespace rkt::native
