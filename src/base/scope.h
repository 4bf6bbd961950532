// SPDX-License-Identifier: Apache-2.0
// ScopeExit: runs a callable when the scope is left, unless released. For undo steps that have no type of their own.
#pragma once

#include <utility>

namespace rkt {

template <class F>
class ScopeExit {
 public:
  explicit ScopeExit(F f) : f_(std::move(f)) {}
  ~ScopeExit() {
    if (armed_) f_();  // the callable must not throw
  }
  ScopeExit(const ScopeExit&) = delete;
  ScopeExit& operator=(const ScopeExit&) = delete;
  void release() noexcept { armed_ = false; }

 private:
  F f_;
  bool armed_ = true;
};

}  // namespace rkt
