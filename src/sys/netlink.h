// SPDX-License-Identifier: Apache-2.0
// The little rtnetlink that the engine speaks itself, and moving this thread between network namespaces.
#pragma once

#include <string>

#include "sys/fd.h"

namespace rkt {

/// Brings a link of the current network namespace up. Throws.
void set_link_up(const std::string& name);

/// While it lives, this thread is in another network namespace. Leaving cannot be allowed to fail: the process ends if
/// the kernel refuses, since going on would do the host's work in a pod's namespace.
class NetnsScope {
 public:
  static NetnsScope make_new();           ///< unshares a new one
  static NetnsScope enter(int netns_fd);  ///< joins an existing one
  ~NetnsScope();
  NetnsScope(NetnsScope&&) = delete;
  UniqueFd current() const;  ///< of the namespace that is being visited

 private:
  explicit NetnsScope(UniqueFd home) noexcept : home_(std::move(home)) {}
  UniqueFd home_;
};

}  // namespace rkt
