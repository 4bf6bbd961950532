// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/readiness.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "stage1/native/datagrams.h"
#include "stage1/native/events.h"
#include "sys/file.h"

namespace rkt::native {
namespace {

constexpr const char* kDirectory = "notify";

UniqueFd datagram_socket() {
  UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) throw Error::from_errno("make a socket");
  return fd;
}

}  // namespace

std::string notify_source(const std::string& app) { return cat(kDirectory, "/", app); }

NotifySocket NotifySocket::make(const DirFd& pod, const std::string& app) {
  const DirFd dir = pod.make_sub(kDirectory, 0700);
  dir.unlink(app);
  UniqueFd fd = datagram_socket();
  sockaddr_un where{};
  where.sun_family = AF_UNIX;
  const std::string path = cat("/proc/self/fd/", dir.get(), "/", app);  // a pod's own path may be too long
  if (path.size() >= sizeof where.sun_path) throw Error(Errc::invalid, cat("the name of app ", app, " is too long"));
  std::memcpy(where.sun_path, path.data(), path.size());
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&where), sizeof where) < 0 ||
      ::fchmodat(dir.get(), app.c_str(), 0666, 0) < 0)  // any user of the app
    throw Error::from_errno(cat("make the socket for notifications of app ", quoted(app)));
  NotifySocket out;
  out.fd_ = std::move(fd);
  return out;
}

void NotifySocket::watch(std::vector<pollfd>& events, Time now) const {
  if (fd_ && !rests(now)) events.push_back({fd_.get(), POLLIN, 0});
}

Deadline NotifySocket::deadline(Time now) const {
  return fd_ && rests(now) ? std::optional(since_ + kTime) : std::nullopt;
}

bool NotifySocket::take(std::span<const pollfd> events, Time now) {
  if (!fd_ || (revents_of(events, fd_.get()) & POLLIN) == 0) return false;
  if (now >= since_ + kTime) {
    since_ = now;
    taken_ = 0;
  }
  std::array<char, 4096> buffer;
  bool told = false;
  for (; fd_ && taken_ < kAtOnce; ++taken_) {
    const NextDatagram next = look_at_datagram(fd_.get(), buffer);
    if (next.size < 0) break;
    const auto lines = split(std::string_view(buffer.data(), static_cast<std::size_t>(next.size)), '\n');
    const bool ready = next.descriptors || std::ranges::find(lines, "READY=1") != lines.end();
    if (next.descriptors)
      abandon_datagrams(fd_);
    else
      drop_datagram(fd_.get());
    told = told || (ready && !std::exchange(ready_, true));
  }
  return told;
}

void Readiness::expect(const DirFd& pod, const std::string& app, std::size_t index) {
  apps_.push_back({.index = index, .socket = NotifySocket::make(pod, app)});
}

void Readiness::launched() {
  launched_ = true;
  look();
}

void Readiness::app_ended(std::size_t index) {
  std::erase_if(apps_, [&](const App& a) { return a.index == index; });
  look();
}

void Readiness::watch(std::vector<pollfd>& events, Time now) const {
  for (const auto& a : apps_) a.socket.watch(events, now);
}

Deadline Readiness::deadline(Time now) const {
  Deadline out;
  for (const auto& a : apps_) out = earlier(out, a.socket.deadline(now));
  return out;
}

void Readiness::handle(std::span<const pollfd> events, Time now) {
  for (auto& a : apps_)
    if (a.socket.take(events, now)) a.ready = true;
  look();
}

void Readiness::look() {
  if (told_ || !launched_ || !std::ranges::all_of(apps_, &App::ready)) return;
  told_ = true;
  on_ready_();
}

void notify_manager(std::string_view text) noexcept {
  try {
    const auto place = env("NOTIFY_SOCKET");
    sockaddr_un where{};
    if (!place || place->size() < 2 || place->size() >= sizeof where.sun_path) return;
    where.sun_family = AF_UNIX;
    std::memcpy(where.sun_path, place->data(), place->size());
    if (where.sun_path[0] == '@') where.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + place->size());
    (void)!::sendto(datagram_socket().get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                    reinterpret_cast<const sockaddr*>(&where), size);
  } catch (const std::exception& e) {
    log::debug("stage1", e.what());
  }
}

}  // namespace rkt::native
