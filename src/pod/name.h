// SPDX-License-Identifier: Apache-2.0
// Names of pods (`--pod-name`): a word that is accepted wherever a UUID is. It lies in the pod's directory, and nowhere
// else, so there is nothing that could be left behind. A name means one pod at a time: one that runs, or may still run,
// keeps it; when that has ended the next pod may have it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "pod/pod.h"
#include "sys/lock.h"

namespace rkt::pod {

/// [a-z0-9-] as app names are, and not to be mistaken for (the first eight characters of) a UUID.
class PodName {
 public:
  static PodName parse(std::string_view text);  ///< throws Errc::invalid
  static bool is_possible(std::string_view text);
  const std::string& str() const noexcept { return text_; }

 private:
  explicit PodName(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

/// The right to give a name away: held until the pod that has it is in its place. Throws Errc::busy when a pod that has
/// not ended has the name.
class NameClaim {
 public:
  static NameClaim take(const Pods& pods, const PodName& name);
  void write(const DirFd& pod) const;

 private:
  NameClaim(KeyLock lock, PodName name) : lock_(std::move(lock)), name_(std::move(name)) {}
  KeyLock lock_;
  PodName name_;
};

/// The pod that got this name last; nullopt: none has it.
std::optional<Uuid> find_named(const Pods& pods, std::string_view name);

}  // namespace rkt::pod
