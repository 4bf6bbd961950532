// SPDX-License-Identifier: Apache-2.0
#include "worker/fetch/readonly.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "sys/fd.h"

namespace rkt::fetch {
namespace {

// What the first version of Landlock can handle: all of it is given up, reading comes back for some places.
constexpr std::uint64_t kHandled = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
constexpr std::uint64_t kReading = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;

// Libraries that are loaded late (name service), their configuration, and where it lies on various hosts.
constexpr const char* kReadable[] = {
    "/etc", "/usr", "/lib", "/lib64", "/run", "/var/lib/ca-certificates", "/nix/store", "/dev/urandom", "/proc/sys"};

}  // namespace

void make_files_read_only() {
  const landlock_ruleset_attr attributes{.handled_access_fs = kHandled};
  const UniqueFd rules(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes.handled_access_fs, 0)));
  if (!rules) return;  // the kernel has none, or does not offer it
  for (const char* path : kReadable) {
    const UniqueFd place(::open(path, O_PATH | O_CLOEXEC));
    if (!place) continue;
    landlock_path_beneath_attr beneath{.allowed_access = kReading, .parent_fd = place.get()};
    if (::syscall(SYS_landlock_add_rule, rules.get(), LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) == 0) continue;
    beneath.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE;  // no directory
    if (::syscall(SYS_landlock_add_rule, rules.get(), LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) < 0)
      throw Error::from_errno("allow reading of a place");
  }
  if (::syscall(SYS_landlock_restrict_self, rules.get(), 0) < 0) throw Error::from_errno("make files read-only");
}

}  // namespace rkt::fetch
