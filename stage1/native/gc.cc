// SPDX-License-Identifier: Apache-2.0
// gc: what a pod that was killed left on the host. Everything is found from files of POD; missing ones are fine, and
// it can be repeated.
#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "cgroup/manager.h"
#include "net/network.h"
#include "stage1/native/commands.h"
#include "stage1/native/options.h"
#include "sys/file.h"

namespace rkt::native {

int gc(const std::vector<std::string>& args) {
  const GcOptions options = parse_gc(args);
  log::set_debug(options.debug);
  const DirFd pod = DirFd::open(".");
  std::optional<Error> failed;
  if (const auto state = find_file_text(pod, "cgroups")) {
    try {
      auto cgroups = cgroup::PodCgroups::open(options.uuid, *state);
      cgroups.kill_all();
      cgroups.remove();
    } catch (const Error& e) {
      failed = e;  // the networks do not wait for it
    }
  }
  net::teardown(pod, options.uuid, options.local_config);
  if (failed) throw Error(*failed);
  return 0;
}

}  // namespace rkt::native
