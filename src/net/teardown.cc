// SPDX-License-Identifier: Apache-2.0
#include "net/teardown.h"
#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "net/builtin/builtin.h"
#include "net/chain.h"
#include "net/leftovers.h"
#include "net/netns.h"
#include "net/network.h"
#include "net/plugin.h"
#include "net/state.h"

namespace rkt::net {
namespace {

// A network's configuration is copied before anything of it is made.
bool has_copies(const DirFd& pod) {
  const auto copies = pod.find_sub("net");
  return copies && !copies->names().empty();
}

// Last network first. True when every one went well. A network without its copy was torn down before.
bool detach_all(const DirFd& pod, const Uuid& uuid, const std::string& netns, const std::string& local_config,
                const Report& report) {
  auto attachments = load_state(pod);
  if (attachments.empty() && has_copies(pod)) {  // the record is lost
    builtin::sweep(uuid.str());
    remove_leftover_rules(uuid);
  }
  const auto path = plugin_path(local_config);
  bool ok = true;
  bool rules_left = false;
  while (!attachments.empty()) {
    const Attachment& a = attachments.back();
    const std::string copy = cat("net/", a.file);
    if (pod.exists(copy)) {
      try {
        detach(a, {.container_id = uuid.str(), .netns = netns, .path = path});
        pod.unlink(copy);
      } catch (const Error& e) {
        report(cat("error deleting ", quoted(a.name), ": ", e.brief()));
        ok = false;
      }
      rules_left = rules_left || (!a.builtin && a.masquerades && (netns.empty() || !ok));
    }
    attachments.pop_back();
  }
  if (rules_left) remove_leftover_rules(uuid);
  return ok;
}

}  // namespace

void teardown(const DirFd& pod, const Uuid& uuid, const std::string& local_config) {
  teardown(pod, uuid, local_config, [](std::string_view text) { log::note("networking", text); });
}

void teardown(const DirFd& pod, const Uuid& uuid, const std::string& local_config, const Report& report) {
  const auto path = read_netns_path(pod);
  if (!path) return;  // host networking, or nothing was begun: the path is written before anything else
  const bool ok = detach_all(pod, uuid, is_netns(*path) ? *path : std::string(), local_config, report);
  unpin_netns(*path);
  if (!ok) throw Error(Errc::network, cat("error tearing down the networks of pod ", uuid.str()));
}

}  // namespace rkt::net
