// SPDX-License-Identifier: Apache-2.0
// Which processes are the app's. A process number is no proof: it may have been given to another process since. So run
// writes into POD/stage1-fly.process when its process started, which mount namespace the pod has and what the app's
// root is; whoever is to be signalled or entered is compared with that, through a pidfd that was opened before. Groups
// and sessions are no proof either: the app shares those of rkt's caller, so that a foreground job gets ^C.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sys/dir.h"

namespace rkt::fly {

struct AppProcess {
  pid_t pid = 0;
  std::uint64_t started = 0;                   ///< clock ticks since boot
  std::uint64_t mounts = 0;                    ///< inode of the mount namespace
  std::uint64_t root_dev = 0, root_inode = 0;  ///< of the app's root
  bool operator==(const AppProcess&) const = default;
};

/// When a process started, from the text of /proc/PID/stat; nullopt: this is none.
std::optional<std::uint64_t> start_time(std::string_view stat);

/// This process, which will become the app in `root`.
AppProcess own_process(const DirFd& root);
void save_process(const DirFd& pod, const AppProcess& app);
AppProcess load_process(const DirFd& pod);  ///< throws

/// A pidfd of the app's first process; nullopt: it has ended.
std::optional<UniqueFd> open_app(const AppProcess& app);
/// Pidfds of all processes that are in the pod's mount namespace with the app's root.
std::vector<UniqueFd> open_members(const AppProcess& app);

/// False: it has ended.
bool send_signal(const UniqueFd& process, int signal);

}  // namespace rkt::fly
