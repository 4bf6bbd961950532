// SPDX-License-Identifier: Apache-2.0
// Isolators of apps and pods (appc 0.8.11, reference: pods §5): parsed and validated into one struct; the originals are
// kept for writing back. An unknown isolator of an app makes a manifest invalid ("invalid isolator"); of a pod it is
// named in `unknown`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "json/value.h"

namespace rkt::appc {

/// A quantity: decimal with suffix n u m k M G T P E, Ki … Ei, or exponent. Values above 2^63-1 thousandths are capped
/// there.
struct Quantity {
  std::int64_t milli = 0;  ///< thousandths, rounded up
  std::int64_t value() const noexcept {
    return milli / 1000 + (milli % 1000 > 0 ? 1 : 0);
  }  ///< whole units, rounded up
  static Quantity parse(
      std::string_view text);  ///< throws "error parsing request: quantities must match …" as the reference
};

struct Isolator {
  std::string name;
  json::Value value;
};

struct SeccompSet {
  enum class Mode { retain, remove } mode = Mode::retain;
  std::vector<std::string> names;  ///< syscalls and wildcards (@…)
  std::string errno_name;          ///< "" or E…
};

struct SelinuxContext {
  std::string user, role, type, level;
};

/// What the isolators of one app say together. Last one wins where several are allowed, sets are unions.
struct Isolators {
  std::optional<std::int64_t> memory_limit;     ///< bytes
  std::optional<std::int64_t> cpu_milli_limit;  ///< thousandths of a core
  std::optional<std::int64_t> cpu_shares;       ///< 2…262144
  std::optional<int> oom_score_adj;             ///< -1000…1000
  std::optional<std::vector<std::string>> caps_retain, caps_remove;
  bool no_new_privs = false;
  std::optional<SeccompSet> seccomp;
  std::optional<SelinuxContext> selinux;
  std::string apparmor_profile;                              ///< "": none asked for
  std::optional<std::int64_t> pids;                          ///< processes and threads
  std::optional<std::int64_t> block_bandwidth, block_iops;   ///< a second, of each disk and direction
  std::optional<std::int64_t> network_bandwidth;             ///< bytes a second
  std::vector<std::pair<std::string, std::string>> sysctls;  ///< name as written, value
  std::vector<std::string> unknown;                          ///< of a pod
};

/// Throws Errc::invalid with the reference's texts behind the place: `path` is that of the list in its document, "" for
/// one that is of none.
Isolators interpret_isolators(const std::vector<Isolator>& isolators, std::string_view path);
/// Those of a pod: unknown ones are named in `unknown`.
Isolators interpret_pod_isolators(const std::vector<Isolator>& isolators, std::string_view path);

}  // namespace rkt::appc
