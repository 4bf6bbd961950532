// SPDX-License-Identifier: Apache-2.0
// An app's log as Kubernetes' first runtime interface wanted it, besides the one in POD (docs/devel/app-streams.md;
// reference: pods §3.3, §8.3). The pod's annotations name the mode and a directory of the host, the app's a file there:
//
//   2016-10-06T00:17:09.669794202Z stdout a line
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schema/appc/types.h"
#include "sys/fd.h"

namespace rkt::native {

/// The directory of a pod that wants such logs; nullopt: it wants none. Throws for an unknown mode and for a directory
/// that is not said, or is none.
std::optional<std::string> kubernetes_log_directory(const std::vector<appc::Annotation>& pod);
/// The file of an app of such a pod, a name in that directory. Throws when it is not said, or is no name.
std::string kubernetes_log_name(const std::vector<appc::Annotation>& app);

struct KubernetesLogPlace {
  std::string directory, name;
  bool operator==(const KubernetesLogPlace&) const = default;
};

class KubernetesLog {
 public:
  using Say = std::function<void(std::string_view)>;
  /// Makes the file, or empties it; throws when it is none, or has another name besides. The directory may be one that
  /// apps can write to: no link of theirs is followed. A file that would become larger than `limit` bytes is emptied.
  /// `say`: told that lines are being lost, once a minute.
  KubernetesLog(const KubernetesLogPlace& place, std::uint64_t limit, Say say);
  /// Whole lines. What cannot be written is lost.
  void write(std::string_view lines);

 private:
  int try_write(std::string_view lines);

  std::string name_;
  std::uint64_t limit_;
  Say say_;
  UniqueFd file_;
  std::optional<std::chrono::steady_clock::time_point> said_;
};

}  // namespace rkt::native
