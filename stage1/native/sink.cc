// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/sink.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/strings.h"
#include "sys/pty.h"

namespace rkt::native {

Sink::Sink(int stream) : stream_(stream) {
  struct stat st{};
  if (::fstat(stream, &st) < 0) return;
  socket_ = S_ISSOCK(st.st_mode);
  if (!S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode)) return;
  own_ = reopen_fd(stream, O_WRONLY | O_NONBLOCK | O_NOCTTY);
  terminal_ = is_terminal(stream);
  careful_ = !own_;  // another user's terminal, say
}

std::size_t Sink::try_write(std::string_view bytes) {
  if (careful_) {
    // A pipe that polls writable takes this much at once; another writer may come between and make us wait.
    pollfd p{stream_, POLLOUT, 0};
    if (::poll(&p, 1, 0) != 1) return 0;
    bytes = bytes.substr(0, PIPE_BUF);
  }
  for (;;) {
    const ssize_t n = socket_ ? ::send(stream_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL)
                              : ::write(fd(), bytes.data(), bytes.size());
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno == EINTR) continue;
    if (errno == EAGAIN) return 0;
    if (terminal_ && errno == EIO) return bytes.size();
    // A full disk: nobody to tell, and the app must be neither held up nor ended for it.
    if (failure_ == 0) failure_ = errno;
    broken_ = errno == EPIPE || errno == ECONNRESET;
    return bytes.size();
  }
}

void Sink::write(std::string_view bytes) {
  while (!bytes.empty() && pending_.empty() && !broken_) {
    const std::size_t n = try_write(bytes);
    if (n == 0) break;
    bytes.remove_prefix(std::min(n, bytes.size()));
  }
  if (!broken_) pending_.append(bytes);
}

void Sink::flush() {
  while (!pending_.empty() && !broken_) {
    const std::size_t n = try_write(pending_);
    if (n == 0) return;
    pending_.erase(0, n);
  }
  if (broken_) pending_.clear();
}

}  // namespace rkt::native
