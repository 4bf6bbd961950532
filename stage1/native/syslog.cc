// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/syslog.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/strings.h"
#include "stage1/native/datagrams.h"
#include "stage1/native/events.h"

namespace rkt::native {
namespace {

constexpr std::size_t kLongest = std::size_t{64} << 10;  // of what is longer the rest is lost
constexpr std::size_t kMaxPriority = 3;                  // digits
constexpr std::size_t kAsOne = 4096;                     // so many bytes count as one more message
constexpr int kLinesAsOne = 64;                          // so many lines, too: each is a record
constexpr int kAtTheEnd = 2048;                          // messages that are still taken when nothing more can come

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view without_priority(std::string_view text) {
  if (!text.starts_with('<')) return text;
  const auto end = std::min(text.find_first_not_of("0123456789", 1), text.size());
  return end > 1 && end <= 1 + kMaxPriority && end < text.size() && text[end] == '>' ? text.substr(end + 1) : text;
}

// What syslog(3) writes: the log has the time when it came.
std::string_view without_time(std::string_view text) {
  constexpr std::string_view kForm = "Aaa _9 99:99:99 ";
  if (text.size() < kForm.size()) return text;
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    const char c = text[i];
    const bool fits = kForm[i] == 'A'   ? c >= 'A' && c <= 'Z'
                      : kForm[i] == 'a' ? c >= 'a' && c <= 'z'
                      : kForm[i] == '_' ? c == ' ' || is_digit(c)
                      : kForm[i] == '9' ? is_digit(c)
                                        : c == kForm[i];
    if (!fits) return text;
  }
  return text.substr(kForm.size());
}

}  // namespace

std::string_view syslog_text(std::string_view message) {
  while (message.ends_with('\n') || message.ends_with('\0')) message.remove_suffix(1);
  return without_time(without_priority(message));
}

void bind_syslog(int socket, const DirFd& dev) {
  sockaddr_un where{};
  where.sun_family = AF_UNIX;
  const std::string path = cat("/proc/self/fd/", dev.get(), "/log");
  std::memcpy(where.sun_path, path.data(), path.size());
  if (::bind(socket, reinterpret_cast<const sockaddr*>(&where), sizeof where) < 0 ||
      ::fchmodat(dev.get(), "log", 0666, 0) < 0)
    throw Error::from_errno("make \"/dev/log\"");
}

Syslog::~Syslog() { all_ended(); }

void Syslog::keep(std::size_t index, std::shared_ptr<AppLog> log) {
  apps_.push_back({.index = index, .log = std::move(log)});
}

UniqueFd Syslog::open(std::size_t index) {
  const auto app = std::ranges::find(apps_, index, &App::index);
  if (app == apps_.end()) return {};
  finish(*app);
  if (app->misused) return {};
  app->socket.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!app->socket) throw Error::from_errno("make a socket");
  return dup_fd(app->socket.get());
}

void Syslog::app_ended(std::size_t index) {
  for (auto& app : apps_)
    if (app.index == index) finish(app);
  std::erase_if(apps_, [&](const App& a) { return a.index == index; });
}

void Syslog::all_ended() {
  for (auto& app : apps_) finish(app);
  apps_.clear();
}

void Syslog::watch(std::vector<pollfd>& events) const {
  for (const auto& app : apps_)
    if (app.socket && app.taken < kAtOnce) events.push_back({app.socket.get(), POLLIN, 0});
}

std::optional<Syslog::Time> Syslog::deadline() const {
  std::optional<Time> out;
  for (const auto& app : apps_)
    if (app.socket && app.taken >= kAtOnce) out = std::min(out.value_or(app.since + kTime), app.since + kTime);
  return out;
}

void Syslog::handle(std::span<const pollfd> events, Time now) {
  std::unique_ptr<char[]> buffer;
  for (auto& app : apps_) {
    if (!app.socket) continue;
    if (now >= app.since + kTime) {
      app.since = now;
      app.taken = std::max(0, app.taken - kAtOnce);
    }
    if ((revents_of(events, app.socket.get()) & POLLIN) == 0) continue;
    if (!buffer) buffer = std::make_unique_for_overwrite<char[]>(kLongest);
    while (app.taken < kAtOnce && take_one(app, buffer.get())) {
    }
  }
}

// False: nothing is there.
bool Syslog::take_one(App& app, char* buffer) {
  const NextDatagram next = look_at_datagram(app.socket.get(), {buffer, kLongest});
  if (next.descriptors) {
    app.misused = true;
    abandon_datagrams(app.socket);
    app.log->take_message("rkt: descriptors came with a message to /dev/log: nothing more is taken from there");
  }
  if (next.descriptors || next.size < 0) return false;
  drop_datagram(app.socket.get());
  const auto text = syslog_text({buffer, static_cast<std::size_t>(next.size)});
  if (!text.empty()) app.log->take_message(text);
  app.taken += 1 + static_cast<int>(text.size() / kAsOne + std::ranges::count(text, '\n') / kLinesAsOne);
  return true;
}

// Nobody can send from here on, so there is an end.
void Syslog::finish(App& app) {
  if (!app.socket) return;
  ::shutdown(app.socket.get(), SHUT_RD);
  if (look_at_datagram(app.socket.get(), {}).size < 0) return app.socket.reset();
  const auto buffer = std::make_unique_for_overwrite<char[]>(kLongest);
  const int enough = app.taken + kAtTheEnd;
  while (app.socket && app.taken < enough && take_one(app, buffer.get())) {
  }
  if (app.socket && app.taken >= enough) app.log->take_message("rkt: more came to /dev/log than is kept at the end");
  if (close_datagrams(app.socket)) app.misused = true;
}

void Syslog::give_up() noexcept { apps_.clear(); }

}  // namespace rkt::native
