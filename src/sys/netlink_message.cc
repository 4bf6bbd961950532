// SPDX-License-Identifier: Apache-2.0
#include "sys/netlink_message.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "sys/ns.h"

namespace rkt::netlink {
namespace {

// Of an acknowledgement for many messages at once; the kernel's own dumps stay below 32 KiB.
constexpr std::size_t kReceive = std::size_t{64} << 10;
constexpr int kReceiveQueue = 4 << 20;

template <class T>
std::string_view view(const T& n) {
  return {reinterpret_cast<const char*>(&n), sizeof n};
}

void set_u16(std::string& bytes, std::size_t at, std::size_t value) {
  const auto n = static_cast<std::uint16_t>(value);
  std::memcpy(bytes.data() + at, &n, sizeof n);
}

// Calls f(header, payload) for every message of a datagram.
template <class F>
void for_each_message(std::string_view data, F&& f) {
  while (data.size() >= sizeof(nlmsghdr)) {
    nlmsghdr header;
    std::memcpy(&header, data.data(), sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > data.size())
      throw Error::from_errno("read netlink", EPROTO);
    f(header, data.substr(sizeof header, header.nlmsg_len - sizeof header));
    data.remove_prefix(std::min<std::size_t>(NLMSG_ALIGN(header.nlmsg_len), data.size()));
  }
}

int error_of(std::string_view payload) {
  int code = -EPROTO;
  if (payload.size() >= sizeof code) std::memcpy(&code, payload.data(), sizeof code);
  return -code;
}

}  // namespace

Message::Message(std::uint16_t type, std::uint16_t flags) {
  nlmsghdr header{};
  header.nlmsg_type = type;
  header.nlmsg_flags = static_cast<std::uint16_t>(flags | NLM_F_REQUEST);
  bytes_ = view(header);
}

Message& Message::append(std::string_view bytes) {
  bytes_.append(bytes);
  bytes_.resize(NLMSG_ALIGN(bytes_.size()));
  return *this;
}

Message& Message::attr(std::uint16_t type, std::string_view bytes) {
  nlattr header{};
  header.nla_len = static_cast<std::uint16_t>(sizeof header + bytes.size());
  header.nla_type = type;
  bytes_.append(view(header));
  return append(bytes);
}

Message& Message::attr(std::uint16_t type) { return attr(type, std::string_view()); }

Message& Message::text(std::uint16_t type, std::string_view text) {
  std::string with_end(text);
  with_end.push_back('\0');
  return attr(type, with_end);
}

Message& Message::u8(std::uint16_t type, std::uint8_t n) { return attr(type, view(n)); }
Message& Message::u32(std::uint16_t type, std::uint32_t n) { return attr(type, view(n)); }
Message& Message::be32(std::uint16_t type, std::uint32_t n) { return u32(type, htonl(n)); }

Message& Message::open(std::uint16_t type) {
  open_.push_back(bytes_.size());
  return attr(static_cast<std::uint16_t>(type | NLA_F_NESTED));
}

Message& Message::close() {
  set_u16(bytes_, open_.back(), bytes_.size() - open_.back());
  open_.pop_back();
  return *this;
}

std::uint16_t Message::type() const {
  nlmsghdr header;
  std::memcpy(&header, bytes_.data(), sizeof header);
  return header.nlmsg_type;
}

std::string Message::bytes(std::uint32_t sequence) const {
  std::string out = bytes_;
  nlmsghdr header;
  std::memcpy(&header, out.data(), sizeof header);
  header.nlmsg_len = static_cast<std::uint32_t>(out.size());
  header.nlmsg_seq = sequence;
  std::memcpy(out.data(), &header, sizeof header);
  return out;
}

Attributes::Attributes(std::string_view bytes) {
  while (bytes.size() >= sizeof(nlattr)) {
    nlattr header;
    std::memcpy(&header, bytes.data(), sizeof header);
    if (header.nla_len < sizeof header || header.nla_len > bytes.size()) return;
    list_.emplace_back(static_cast<std::uint16_t>(header.nla_type & NLA_TYPE_MASK),
                       bytes.substr(sizeof header, header.nla_len - sizeof header));
    bytes.remove_prefix(std::min<std::size_t>(NLA_ALIGN(header.nla_len), bytes.size()));
  }
}

std::optional<std::string_view> Attributes::find(std::uint16_t type) const {
  const auto it = std::ranges::find(list_, type, [](const auto& a) { return a.first; });
  return it == list_.end() ? std::nullopt : std::optional(it->second);
}

std::optional<std::uint32_t> Attributes::u32(std::uint16_t type) const {
  const auto bytes = find(type);
  std::uint32_t out = 0;
  if (!bytes || bytes->size() != sizeof out) return std::nullopt;
  std::memcpy(&out, bytes->data(), sizeof out);
  return out;
}

std::optional<std::string> Attributes::text(std::uint16_t type) const {
  const auto bytes = find(type);
  return bytes ? std::optional<std::string>(bytes->substr(0, bytes->find('\0'))) : std::nullopt;
}

Socket::Socket(int protocol) : fd_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol)) {
  if (!fd_) throw Error::from_errno("make a netlink socket");
  // An acknowledgement need not repeat what it acknowledges; many of them must fit. Without either it still works.
  const int on = 1;
  (void)::setsockopt(fd_.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  (void)::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveQueue, sizeof kReceiveQueue);
  (void)::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDBUFFORCE, &kReceiveQueue, sizeof kReceiveQueue);
}

void Socket::transmit(std::string_view bytes) const {
  while (::send(fd_.get(), bytes.data(), bytes.size(), 0) < 0)
    if (errno != EINTR) throw Error::from_errno("write netlink");
}

std::string Socket::receive() const {
  std::string data(kReceive, '\0');
  ssize_t n = 0;
  while ((n = ::recv(fd_.get(), data.data(), data.size(), 0)) < 0)
    if (errno != EINTR) throw Error::from_errno("read netlink");
  data.resize(static_cast<std::size_t>(n));
  return data;
}

template <class F>
void Socket::exchange_all(std::span<const Message> messages, F&& on_data, std::vector<int>& answers) const {
  constexpr int kOpen = -1;
  std::string all;
  std::size_t open = 0;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const std::string bytes = messages[i].bytes(static_cast<std::uint32_t>(i + 1));
    nlmsghdr header;
    std::memcpy(&header, bytes.data(), sizeof header);
    const bool answered = (header.nlmsg_flags & NLM_F_ACK) != 0;
    answers.push_back(answered ? kOpen : 0);
    open += answered ? 1 : 0;
    all += bytes;
  }
  transmit(all);
  while (open > 0)
    for_each_message(receive(), [&](const nlmsghdr& header, std::string_view payload) {
      const std::size_t i = header.nlmsg_seq - 1;
      if (i >= answers.size()) return;
      if (header.nlmsg_type != NLMSG_ERROR) {
        on_data(i, Reply{.type = header.nlmsg_type, .payload = std::string(payload)});
        return;
      }
      const int err = error_of(payload);
      if (answers[i] == kOpen) {
        answers[i] = err;
        --open;
      } else if (err != 0 && answers[i] == 0) {
        throw Error::from_errno("change by netlink", err);  // of the frame of a batch: nothing of it was done
      }
    });
}

namespace {

void close_between(int first, int end) noexcept {
  if (first < end) (void)::syscall(SYS_close_range, static_cast<unsigned>(first), static_cast<unsigned>(end - 1), 0U);
}

}  // namespace

std::vector<int> Socket::send(std::span<const Message> messages) const {
  std::vector<int> out;
  exchange_all(messages, [](std::size_t, const Reply&) {}, out);
  return out;
}

std::vector<std::optional<Reply>> Socket::ask_each(std::span<const Message> messages, std::string_view doing) const {
  std::vector<std::optional<Reply>> out(messages.size());
  std::vector<int> answers;
  exchange_all(messages, [&](std::size_t i, Reply reply) { out[i] = std::move(reply); }, answers);
  for (const int err : answers)
    if (err != 0 && err != ENOENT) throw Error::from_errno(doing, err);
  return out;
}

void Socket::close_in_background() && { leave_to_child({}); }
void Socket::send_in_background(const Message& message) && { leave_to_child(message.bytes(1)); }

void Socket::leave_to_child(const std::string& bytes) const {
  // Nothing but the socket stays with the child: whoever waits for a lock or for the end of a stream need not wait for
  // this, and this process may be gone in a moment. So it waits until that is so.
  try {
    Pipe let_go = Pipe::make();
    if (clone_process(0).pid != 0) {
      let_go.write_end.reset();
      char none = 0;
      while (::read(let_go.read_end.get(), &none, 1) < 0 && errno == EINTR) {
      }
      return;
    }
    const auto [first, second] = std::minmax({fd_.get(), let_go.write_end.get()});
    close_between(0, first);
    close_between(first + 1, second);
    close_between(second + 1, std::numeric_limits<int>::max());
    ::close(let_go.write_end.get());
    if (!bytes.empty()) (void)!::send(fd_.get(), bytes.data(), bytes.size(), 0);
    ::_exit(0);
  } catch (const Error&) {
    if (!bytes.empty()) transmit(bytes);  // then this waits, and who closes the socket
  }
}

int Socket::exchange(const Message& message) const { return send({&message, 1}).at(0); }

void Socket::must(const Message& message, std::string_view doing) const {
  if (const int err = exchange(message); err != 0) throw Error::from_errno(doing, err);
}

std::vector<Reply> Socket::ask(const Message& message, std::string_view doing) const {
  const std::string bytes = message.bytes(1);
  nlmsghdr sent;
  std::memcpy(&sent, bytes.data(), sizeof sent);
  const bool list = (sent.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
  transmit(bytes);
  std::vector<Reply> out;
  bool done = false;
  while (!done)
    for_each_message(receive(), [&](const nlmsghdr& header, std::string_view payload) {
      if (header.nlmsg_type == NLMSG_ERROR) {
        if (const int err = error_of(payload); err != 0) throw Error::from_errno(doing, err);
        done = true;
      } else if (header.nlmsg_type == NLMSG_DONE) {
        done = true;
      } else {
        out.push_back({.type = header.nlmsg_type, .payload = std::string(payload)});
        done = done || !list;
      }
    });
  return out;
}

}  // namespace rkt::netlink
