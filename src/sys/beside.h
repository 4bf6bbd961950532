// SPDX-License-Identifier: Apache-2.0
// Work that another processor does while this thread does something else: for what the kernel needs long for.
#pragma once

#include <pthread.h>

#include <functional>
#include <future>
#include <memory>
#include <utility>

namespace rkt {

/// Whether this thread has waited for a processor more than half as long as it has worked: then another thread only
/// costs.
bool are_processors_busy();

/// A thread on any processor but the caller's: a new one that is left to the scheduler may wait there until the caller
/// does. Its working directory and its umask are its own. Where there is no other processor, no thread to be had,
/// where all processors are busy or the limit on descriptors is low, join() does the work.
class BesideThread {
 public:
  /// `work` throws nothing.
  explicit BesideThread(std::function<void()> work, bool busy = are_processors_busy());
  ~BesideThread() { wait(); }
  BesideThread(BesideThread&&) = delete;
  void join();

 private:
  void wait();

  std::function<void()> work_;
  pthread_t thread_{};
  bool runs_ = false;
};

/// The result of such work. Until it is there, no process is cloned that goes on with a copy of this one's memory.
template <class T>
class Beside {
 public:
  Beside() = default;  ///< none
  explicit Beside(std::function<T()> work, bool busy = are_processors_busy())
      : state_(std::make_unique<State>(std::move(work), busy)) {}
  explicit operator bool() const noexcept { return state_ != nullptr; }
  /// Waits; throws what the work has thrown. Once.
  T take() {
    const std::unique_ptr<State> state = std::move(state_);
    state->thread.join();
    return state->result.get();
  }

 private:
  struct State {
    State(std::function<T()> work, bool busy)
        : task(std::move(work)), result(task.get_future()), thread([this] { task(); }, busy) {}
    std::packaged_task<T()> task;
    std::future<T> result;
    BesideThread thread;
  };
  std::unique_ptr<State> state_;
};

}  // namespace rkt
