// SPDX-License-Identifier: Apache-2.0
// One SOCK_SEQPACKET socket between rkt and a worker: whole messages of at most 64 KiB, with up to 253 descriptors each
// (the kernel's SCM_MAX_FD). The peer may be hostile: a truncated message or more descriptors than expected is an
// error, and every descriptor that arrives is owned and close-on-exec from birth.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sys/fd.h"

namespace rkt {

inline constexpr std::size_t kMaxMessage = std::size_t{64} << 10;

struct Packet {
  std::string text;
  std::vector<UniqueFd> fds;
};

/// Over a borrowed socket of that kind. Throws; a peer that is gone is Errc::system with EPIPE or ECONNRESET.
void send_packet(int socket, std::string_view text, std::span<const int> fds = {});
/// Waits for one of at most `max` bytes; nullopt: the peer closed its end.
std::optional<Packet> receive_packet(int socket, std::size_t max = kMaxMessage);

class Channel {
 public:
  using Message = Packet;

  explicit Channel(UniqueFd socket) noexcept : socket_(std::move(socket)) {}
  /// Both ends, close-on-exec.
  static std::pair<Channel, Channel> make_pair();

  int fd() const noexcept { return socket_.get(); }
  /// `fds` are borrowed. Throws as send_packet() does.
  void send(std::string_view text, std::span<const int> fds = {}) { send_packet(socket_.get(), text, fds); }
  void send(std::string_view text, std::initializer_list<int> fds) {
    send(text, std::span<const int>(fds.begin(), fds.size()));
  }
  /// Waits for a message; nullopt: the peer closed its end.
  std::optional<Message> receive() { return receive_packet(socket_.get()); }
  void close() noexcept { socket_.reset(); }

 private:
  UniqueFd socket_;
};

}  // namespace rkt
