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
  std::optional<Error> failed;  // what holds the one up is nothing to the other
  const auto attempt = [&](auto&& step) {
    try {
      step();
    } catch (const Error& e) {
      if (failed)
        failed->add(e);
      else
        failed = e;
    }
  };
  attempt([&] {
    const auto state = find_file_text(pod, "cgroups");
    if (!state) return;
    auto cgroups = cgroup::PodCgroups::open(options.uuid, *state);
    cgroups.kill_all();
    cgroups.remove();
  });
  attempt([&] { net::teardown(pod, options.uuid, options.local_config); });
  if (failed) throw Error(*failed);
  return 0;
}

}  // namespace rkt::native
