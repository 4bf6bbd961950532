// SPDX-License-Identifier: Apache-2.0
// One of rkt's own standard streams, written to without ever waiting for its reader and without making it non-blocking
// for those who share it: pipes and terminals are opened a second time (an open file of our own), sockets have a flag
// for it, files do not block.
#pragma once

#include <string>
#include <string_view>

#include "sys/fd.h"

namespace rkt::native {

class Sink {
 public:
  explicit Sink(int stream);  ///< borrowed: 1 or 2
  /// Takes bytes; what cannot be written now is kept. Ask idle() before, so that little is.
  void write(std::string_view bytes);
  /// Tries to write what is kept.
  void flush();
  bool idle() const noexcept { return pending_.empty(); }
  std::size_t waiting() const noexcept { return pending_.size(); }
  /// For the other half of a clone, which writes no more.
  void give_up() noexcept { own_.reset(); }
  /// For poll, while not idle.
  int fd() const noexcept { return own_ ? own_.get() : stream_; }
  /// The reader is gone: what comes is dropped.
  bool broken() const noexcept { return broken_; }
  /// errno of the first write that failed, whose bytes are lost; 0: none has. A terminal that hung up is no failure:
  /// what comes is dropped, and the writer goes on.
  int failure() const noexcept { return failure_; }

 private:
  /// Bytes written, 0 when that would wait.
  std::size_t try_write(std::string_view bytes);
  int stream_;
  UniqueFd own_;
  bool socket_ = false, careful_ = false, terminal_ = false, broken_ = false;
  int failure_ = 0;
  std::string pending_;
};

}  // namespace rkt::native
