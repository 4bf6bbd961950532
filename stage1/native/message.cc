// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/message.h"

#include <sys/socket.h>

#include <array>
#include <cstring>

#include "base/error.h"

namespace rkt::native {
namespace {

struct Header {
  Message::Kind kind;
  std::uint8_t killed;
  std::uint16_t app;
  std::int32_t value;
};

int flag(Wait wait) { return wait == Wait::no ? MSG_DONTWAIT : 0; }

}  // namespace

bool send_message(int socket, const Message& m, Wait wait) {
  const Header header{.kind = m.kind, .killed = m.killed, .app = m.app, .value = m.value};
  std::string packet(reinterpret_cast<const char*>(&header), sizeof header);
  packet += std::string_view(m.text).substr(0, kMaxText);
  for (;;) {
    if (::send(socket, packet.data(), packet.size(), MSG_NOSIGNAL | flag(wait)) >= 0) return true;
    if (errno == EPIPE || errno == ECONNRESET || errno == EAGAIN) return false;
    if (errno != EINTR) throw Error::from_errno("send a message to the other process of the pod");
  }
}

std::optional<Message> receive_message(int socket, Wait wait) {
  std::array<char, sizeof(Header) + kMaxText> packet;
  for (;;) {
    const ssize_t n = ::recv(socket, packet.data(), packet.size(), flag(wait));
    if (n == 0 || (n < 0 && errno == EAGAIN)) return std::nullopt;
    if (n < 0) {
      // Said once, and before what is still there to read, when the other side has left something unread.
      if (errno == EINTR || errno == ECONNRESET) continue;
      throw Error::from_errno("receive a message from the other process of the pod");
    }
    Header header{};
    if (static_cast<std::size_t>(n) < sizeof header) throw Error(Errc::bug, "a message of the pod is too short");
    std::memcpy(&header, packet.data(), sizeof header);
    if (header.kind > Message::Kind::over) throw Error(Errc::bug, "a message of the pod is of no known kind");
    return Message{.kind = header.kind,
                   .killed = header.killed != 0,
                   .app = header.app,
                   .value = header.value,
                   .text = std::string(packet.data() + sizeof header, static_cast<std::size_t>(n) - sizeof header)};
  }
}

}  // namespace rkt::native
