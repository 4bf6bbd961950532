// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/attach.h"

#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/strings.h"
#include "stage1/native/events.h"

namespace rkt::native {
namespace {

constexpr std::size_t kMaxAttached = 256;
constexpr unsigned kInputs = kStdin | kTtyIn;

struct Word {
  std::string_view name;
  unsigned ends;
};
constexpr std::array<Word, 6> kWords = {{{"stdin", kStdin},
                                         {"stdout", kStdout},
                                         {"stderr", kStderr},
                                         {"tty", kTtyIn | kTtyOut},
                                         {"tty-in", kTtyIn},
                                         {"tty-out", kTtyOut}}};

// The rest of this process's descriptors is for the pod.
std::size_t most_clients() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) < 0) return kMaxAttached;
  return std::min<std::size_t>(kMaxAttached, limit.rlim_cur / 4);
}

}  // namespace

std::optional<unsigned> parse_ends(std::string_view words) {
  if (words == "auto") return kStdin | kStdout | kStderr | kTtyIn | kTtyOut;
  unsigned out = 0;
  for (const auto word : split(words, ',')) {
    const auto it = std::ranges::find(kWords, word, &Word::name);
    if (it == kWords.end()) return std::nullopt;
    out |= it->ends;
  }
  return out;
}

std::string ends_text(unsigned ends) {
  std::vector<std::string> out;
  for (const auto& word : kWords)
    if ((ends & word.ends) == word.ends) {
      out.emplace_back(word.name);
      ends &= ~word.ends;
    }
  return join(out, ",");
}

void AttachPoint::offer_input(AttachEnd end, UniqueFd target) {
  offered_ |= end;
  (end == kStdin ? stdin_ : tty_) = std::move(target);
}

void AttachPoint::give(AttachEnd end, std::string_view bytes, Time now) {
  const char kind = end == kStderr ? 'e' : 'o';
  for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), kMaxMessage)))
    for (auto& c : clients_)
      if ((c.ends & end) != 0) send(c, cat(kind, bytes.substr(0, kMaxMessage)), now);
}

bool AttachPoint::holds_up(AttachEnd end) const {
  return std::ranges::any_of(clients_, [&](const Client& c) { return (c.ends & end) != 0 && !c.waiting.empty(); });
}

void AttachPoint::output_ended(AttachEnd end) {
  offered_ &= ~end;
  for (auto& c : clients_) {
    c.ends &= ~end;
    if (c.ends == 0) c.ended = true;  // an input ends with the app, which may read it still
  }
}

void AttachPoint::app_ended() {
  ended_ = true;
  stdin_.reset();
  tty_.reset();
  offered_ &= ~kInputs;
  for (auto& c : clients_) {
    c.ends &= ~kInputs;
    if (c.ends == 0) c.ended = true;
  }
}

void AttachPoint::add(UniqueFd fd, unsigned ends) { clients_.push_back({.fd = std::move(fd), .ends = ends}); }

void AttachPoint::send(Client& c, std::string message, Time now) {
  c.waiting.push_back(std::move(message));
  flush(c, now);
}

void AttachPoint::flush(Client& c, Time now) {
  while (!c.waiting.empty()) {
    const std::string& m = c.waiting.front();
    if (::send(c.fd.get(), m.data(), m.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) {
        gone(c);
      } else if (!c.stuck_since) {
        c.stuck_since = now;
      }
      return;
    }
    c.waiting.pop_front();
    c.stuck_since.reset();
  }
}

void AttachPoint::gone(Client& c) {
  c.waiting.clear();
  c.ends = 0;
  c.ended = true;
}

int AttachPoint::target(const Client& c) const {
  return (c.ends & kTtyIn) != 0 ? tty_.get() : (c.ends & kStdin) != 0 ? stdin_.get() : -1;
}

void AttachPoint::receive(Client& c) {
  auto message = receive_text(c.fd.get(), kMaxMessage + 1);
  if (!message) {
    c.silent = true;
    c.ends &= ~kInputs;
    c.ended = c.ended || c.ends == 0;
    return;
  }
  const std::string_view body = std::string_view(*message).substr(1);
  if (message->front() == 'i' && target(c) >= 0) {
    c.typed = body;
    return pass_on(c);
  }
  const auto words = split(body, ' ');
  if (message->front() != 'w' || words.size() != 2 || (c.ends & (kTtyIn | kTtyOut)) == 0 || !tty_) return;
  const auto rows = parse_int<std::uint16_t>(words[0]), columns = parse_int<std::uint16_t>(words[1]);
  const winsize size{.ws_row = rows.value_or(0), .ws_col = columns.value_or(0), .ws_xpixel = 0, .ws_ypixel = 0};
  if (rows && columns) (void)::ioctl(tty_.get(), TIOCSWINSZ, &size);
}

void AttachPoint::pass_on(Client& c) {
  const ssize_t n = ::write(target(c), c.typed.data(), c.typed.size());
  if (n >= 0)
    c.typed.erase(0, static_cast<std::size_t>(n));
  else if (errno != EAGAIN && errno != EINTR)
    c.typed.clear();  // the app has closed it
}

void Attachments::listen(const DirFd& pod) {
  if (!socket_) socket_.emplace(pod, kAttachSocket, std::min(ControlSocket::kMost, most_clients()));
}

std::shared_ptr<AttachPoint> Attachments::make_point(const std::string& app, std::size_t index) {
  return points_.emplace_back(std::make_shared<AttachPoint>(app, index));
}

void Attachments::app_ended(std::size_t index) {
  for (const auto& p : points_)
    if (p->index_ == index) p->app_ended();
}

void Attachments::all_ended() {
  for (const auto& p : points_) p->app_ended();
}

bool Attachments::idle() const {
  return std::ranges::all_of(points_, [](const auto& p) { return p->clients_.empty(); });
}

std::size_t Attachments::clients() const {
  std::size_t out = 0;
  for (const auto& p : points_) out += p->clients_.size();
  return out;
}

AttachPoint* Attachments::find(std::string_view app) const {
  const auto it = std::ranges::find_if(points_, [&](const auto& p) { return p->app_ == app && !p->ended_; });
  return it == points_.end() ? nullptr : it->get();
}

void Attachments::watch(std::vector<pollfd>& events) const {
  if (socket_) socket_->watch(events);
  for (const auto& p : points_)
    for (const auto& c : p->clients_) {
      // While the app does not take what a client typed, the client waits; also for being noticed to have gone.
      const bool listens = c.typed.empty() && !c.silent;
      const bool watched = c.typed.empty() || !c.waiting.empty();
      events.push_back({watched ? c.fd.get() : -1,
                        static_cast<short>((listens ? POLLIN : 0) | (c.waiting.empty() ? 0 : POLLOUT)), 0});
      if (!c.typed.empty()) events.push_back({p->target(c), POLLOUT, 0});
    }
}

bool Attachments::out_of_patience(const AttachPoint::Client& c, Time now) {
  return c.stuck_since && now - *c.stuck_since >= AttachPoint::kPatience;
}

void Attachments::handle(std::span<const pollfd> events, Time now) {
  for (const auto& p : points_) {
    for (auto& c : p->clients_) {
      const short happened = revents_of(events, c.fd.get());
      if (!c.typed.empty() && (p->target(c) < 0 || revents_of(events, p->target(c)) != 0)) p->pass_on(c);
      if ((happened & (POLLOUT | POLLHUP | POLLERR)) != 0) p->flush(c, now);
      if (c.silent && (happened & (POLLHUP | POLLERR)) != 0) AttachPoint::gone(c);
      if (c.typed.empty() && !c.silent && (happened & (POLLIN | POLLHUP | POLLERR)) != 0) p->receive(c);
      // The kernel tells of room only when there is much: what there is may still be progress.
      if (out_of_patience(c, now)) p->flush(c, now);
      if (out_of_patience(c, now)) c.fd.reset();
    }
    std::erase_if(p->clients_, [](AttachPoint::Client& c) {
      if (c.fd && c.ended && c.waiting.empty()) (void)!::send(c.fd.get(), "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
      return !c.fd || (c.ended && c.waiting.empty());
    });
  }
  std::erase_if(points_, [](const auto& p) { return p->over(); });
  if (!socket_) return;
  for (auto& [request, client] : socket_->take(events)) serve(request, std::move(client));
}

void Attachments::serve(const ControlRequest& request, UniqueFd client) {
  AttachPoint* const point = find(request.app);
  const auto refuse = [&](std::string why) { send_answer(client.get(), {.status = 254, .text = std::move(why)}); };
  if (point == nullptr)
    return refuse(cat("app ", quoted(request.app), " has no streams to attach to, or does not run"));
  if (request.verb == "list") return send_answer(client.get(), {.status = 0, .text = ends_text(point->offered_)});
  const auto wanted = request.verb == "attach" ? parse_ends(request.argument) : std::nullopt;
  if (!wanted) return refuse("the request makes no sense");
  const unsigned ends = request.argument == "auto" ? point->offered_ : *wanted;
  if ((ends & ~point->offered_) != 0)
    return refuse(cat("app ", quoted(point->app_), " has no ", ends_text(ends & ~point->offered_), ", only ",
                      ends_text(point->offered_)));
  if (clients() >= most_clients()) return refuse("too many are attached to the pod's apps already");
  send_answer(client.get(), {.status = 0, .text = ends_text(ends)});
  point->add(std::move(client), ends);
}

std::optional<Attachments::Time> Attachments::deadline() const {
  std::optional<Time> out;
  for (const auto& p : points_)
    for (const auto& c : p->clients_) {
      if (c.ended && c.waiting.empty()) return Time{};
      if (c.stuck_since && (!out || *c.stuck_since + AttachPoint::kPatience < *out))
        out = *c.stuck_since + AttachPoint::kPatience;
    }
  return out;
}

void Attachments::give_up() noexcept {
  points_.clear();
  socket_.reset();
}

}  // namespace rkt::native
