// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/datagrams.h"

#include <sys/socket.h>

namespace rkt::native {

NextDatagram look_at_datagram(int socket, std::span<char> buffer) noexcept {
  iovec where{.iov_base = buffer.data(), .iov_len = buffer.size()};
  msghdr message{};
  message.msg_iov = &where;
  message.msg_iovlen = 1;
  const ssize_t n = ::recvmsg(socket, &message, MSG_PEEK | MSG_DONTWAIT);
  // No room was given for anything else, so this is said when there is something.
  return {.size = n, .descriptors = n >= 0 && (message.msg_flags & MSG_CTRUNC) != 0};
}

void drop_datagram(int socket) noexcept { (void)::recv(socket, nullptr, 0, MSG_DONTWAIT); }

void abandon_datagrams(UniqueFd& socket) noexcept {
  ::shutdown(socket.get(), SHUT_RD);
  (void)socket.release();
}

bool close_datagrams(UniqueFd& socket) noexcept {
  if (!socket) return false;
  ::shutdown(socket.get(), SHUT_RD);
  for (;;) {
    const auto next = look_at_datagram(socket.get(), {});
    if (next.descriptors) {
      abandon_datagrams(socket);
      return true;
    }
    if (next.size < 0) {
      socket.reset();
      return false;
    }
    drop_datagram(socket.get());
  }
}

}  // namespace rkt::native
