// SPDX-License-Identifier: Apache-2.0
// Netlink messages as bytes: building them, reading what comes back, and the socket that exchanges them. Plans are
// lists of messages that tests compare; only Socket has effects.
#pragma once

#include <linux/netlink.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "sys/fd.h"

namespace rkt::netlink {

/// One request. Attributes nest: open(), …, close().
class Message {
 public:
  Message(std::uint16_t type, std::uint16_t flags);

  /// The fixed part that a family puts before the attributes.
  template <class T>
    requires std::is_trivially_copyable_v<T>
  Message& body(const T& fixed) {
    return append({reinterpret_cast<const char*>(&fixed), sizeof fixed});
  }
  Message& attr(std::uint16_t type, std::string_view bytes);
  Message& attr(std::uint16_t type);                         ///< a flag: no bytes
  Message& text(std::uint16_t type, std::string_view text);  ///< NUL at the end
  Message& u8(std::uint16_t type, std::uint8_t n);
  Message& u32(std::uint16_t type, std::uint32_t n);   ///< host order
  Message& be32(std::uint16_t type, std::uint32_t n);  ///< network order
  Message& open(std::uint16_t type);
  Message& close();

  std::uint16_t type() const;
  std::size_t size() const noexcept { return bytes_.size(); }
  /// Complete, with its length and sequence number.
  std::string bytes(std::uint32_t sequence) const;

 private:
  Message& append(std::string_view bytes);
  std::string bytes_;
  std::vector<std::size_t> open_;
};

/// The attributes of a part of a received message; views into it.
class Attributes {
 public:
  explicit Attributes(std::string_view bytes);
  std::optional<std::string_view> find(std::uint16_t type) const;
  std::optional<std::uint32_t> u32(std::uint16_t type) const;
  std::optional<std::string> text(std::uint16_t type) const;
  const std::vector<std::pair<std::uint16_t, std::string_view>>& all() const noexcept { return list_; }

 private:
  std::vector<std::pair<std::uint16_t, std::string_view>> list_;
};

/// A reply: the fixed part and attributes of one message.
struct Reply {
  std::uint16_t type = 0;
  std::string payload;
  template <class T>
  T body() const {
    T out{};
    if (payload.size() >= sizeof out) __builtin_memcpy(&out, payload.data(), sizeof out);
    return out;
  }
  /// Those behind a fixed part of that size.
  Attributes attributes(std::size_t fixed) const {
    return Attributes(std::string_view(payload).substr(std::min((fixed + 3) & ~std::size_t{3}, payload.size())));
  }
};

/// A socket of the network namespace in which it was made.
class Socket {
 public:
  explicit Socket(int protocol);

  /// Sends all in one system call; the errno of each (0: done), of one that asks for no acknowledgement always 0.
  /// Throws when the kernel refuses the whole.
  std::vector<int> send(std::span<const Message> messages) const;
  /// The reply to each of many requests for one object, which must ask for acknowledgement; nullopt: ENOENT.
  std::vector<std::optional<Reply>> ask_each(std::span<const Message> messages, std::string_view doing) const;
  /// The same for one; throws with `doing`.
  void must(const Message& message, std::string_view doing) const;
  /// The errno of one.
  int exchange(const Message& message) const;
  /// The replies to a request for one object or for a list (NLM_F_DUMP). Throws.
  std::vector<Reply> ask(const Message& message, std::string_view doing) const;

  /// Closing a socket of netfilter waits until the kernel has freed what was removed: for a grace period, tens of
  /// milliseconds. A child, which nobody waits for, does that. Single-threaded callers only.
  void close_in_background() &&;
  /// The same for a request that takes as long, whose answer does not matter.
  void send_in_background(const Message& message) &&;

 private:
  void leave_to_child(const std::string& bytes) const;
  void transmit(std::string_view bytes) const;
  template <class F>
  void exchange_all(std::span<const Message> messages, F&& on_data, std::vector<int>& answers) const;
  std::string receive() const;
  UniqueFd fd_;
};

}  // namespace rkt::netlink
