// SPDX-License-Identifier: Apache-2.0
// SELinux contexts of pods (reference: pods §12.2): those of the host's lxc_contexts with a pair of categories that no
// other pod has, kept in the pod as long as it is there. No pod reaches another one's files, whoever is root in it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pod/pod.h"
#include "sys/dir.h"
#include "sys/selinux.h"

namespace rkt::stage0 {

/// Pure: `process` and `file` of an lxc_contexts file; nullopt: not both are there.
std::optional<SelinuxContexts> parse_lxc_contexts(std::string_view text);
/// Pure: SELINUXTYPE of /etc/selinux/config.
std::string policy_type(std::string_view config);
/// Pure: the context with this level; its own is dropped.
std::string with_level(std::string_view context, std::string_view level);
/// Pure: "s0:cA,cB" that is not among `taken`; `random` supplies candidates.
std::string plan_level(const std::vector<std::string>& taken, const std::function<std::uint16_t()>& random);

/// What the pod runs with; empty: nothing, or SELinux is not active.
SelinuxContexts find_contexts(const DirFd& pod);
/// What a pod that is about to start runs with where SELinux is active, written into it. Two processes cannot take the
/// same one. Throws when the policy that is loaded does not know it.
SelinuxContexts give_contexts(const pod::Pods& pods, const DirFd& pod);

/// Gives `tree` and everything below the context; links are not followed. For copies, which have labels of their own.
void relabel(const DirFd& tree, const std::string& context);

}  // namespace rkt::stage0
