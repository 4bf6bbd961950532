// SPDX-License-Identifier: Apache-2.0
// ScopeExit: runs a callable when the scope is left, unless released. For undo steps that have no type of their own.
// What it throws is said with --debug and lost: there is an error under way already, or nothing that could be done.
// Owned: the owner of an object of a C library, which `Free` gives back: Owned<EVP_PKEY, &EVP_PKEY_free>.
#pragma once

#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

#include "base/log.h"

namespace rkt {

template <auto Free>
struct FreeWith {
  template <class T>
  void operator()(T* object) const noexcept {
    (void)Free(object);
  }
};
template <class T, auto Free>
using Owned = std::unique_ptr<std::remove_pointer_t<T>, FreeWith<Free>>;

template <class F>
class ScopeExit {
 public:
  explicit ScopeExit(F f) : f_(std::move(f)) {}
  ~ScopeExit() {
    if (!armed_) return;
    try {
      f_();
    } catch (const std::exception& e) {
      log::debug("cleanup", e.what());
    }
  }
  ScopeExit(const ScopeExit&) = delete;
  ScopeExit& operator=(const ScopeExit&) = delete;
  void release() noexcept { armed_ = false; }

 private:
  F f_;
  bool armed_ = true;
};

}  // namespace rkt
