// SPDX-License-Identifier: Apache-2.0
// What a pod's first process tells the one outside: that process is of the host, but it lives with the apps.
#include <sys/socket.h>
#include <unistd.h>

#include "stage1/native/message.h"
#include "tests/fuzz/fuzz.h"

void fuzz_one(std::string_view bytes) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) return;
  (void)!::write(ends[0], bytes.data(), bytes.size());
  ::close(ends[0]);
  rkt::fuzz::tolerate([&] {
    const auto message = rkt::native::receive_message(ends[1]);
    if (message) rkt::fuzz::require(message->kind <= rkt::native::Message::Kind::over);
  });
  ::close(ends[1]);
}
