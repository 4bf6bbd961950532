// SPDX-License-Identifier: Apache-2.0
// Command lines of the entry points, beyond what stage1/common/command_line.h has.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/uuid.h"
#include "schema/cni/network.h"
#include "stage1/common/command_line.h"
#include "sys/selinux.h"
#include "sys/userns.h"

namespace rkt::native {

using stage1::HostsMode;
using stage1::ResolvMode;

/// What confines apps; --insecure-options turns the first three off.
struct Restrictions {
  bool capabilities = true, paths = true, seccomp = true;
  bool foreign_sockets = false;  ///< an app was passed sockets of the host's network: see withhold_network()
  SelinuxContexts selinux = {};  ///< of the pod; empty: it has none
};

struct RunOptions {
  bool debug = false, interactive = false;
  bool mutable_pod = false;  ///< apps come and go while it runs
  cni::NetList net;
  std::string local_config, hostname;  ///< hostname "": rkt-UUID
  std::string mds_token;               ///< the metadata service knows the pod by it; "": it does not
  stage1::NameModes names;
  Restrictions restrictions;
  bool host_ipc = false;
  bool external_plugins = false;  ///< of networks
  std::optional<IdRange> users;   ///< --private-users
  Uuid uuid;
};
RunOptions parse_run(const std::vector<std::string>& args);

struct EnterOptions {
  int pid = 0;       ///< of the pod's pid 1, on the host
  std::string app;   ///< "": stage1 itself, which this flavor does not have
  std::string user;  ///< "": the app's
  std::vector<std::string> command;
  int own_root = -1;                           ///< the mount this program is executed from (sealed.h)
  int debug_root = -1;                         ///< a mount to have as root, see debug_root.h
  std::vector<std::string> debug_environment;  ///< then the command's, K=V
};
EnterOptions parse_enter(const std::vector<std::string>& args);

/// app_add, app_start, app_stop and app_rm.
struct AppOptions {
  bool debug = false;
  bool force = false;                              ///< of app_stop, as the next
  std::optional<std::chrono::milliseconds> grace;  ///< between asking and killing
  std::string app;
};
AppOptions parse_app(const std::vector<std::string>& args);

struct AttachOptions {
  std::string app;
  bool list = false;
  std::string streams = "auto";  ///< or "stdin,stdout", "tty", …
};
AttachOptions parse_attach(const std::vector<std::string>& args);

struct GcOptions {
  bool debug = false;
  std::string local_config;
  Uuid uuid;
};
GcOptions parse_gc(const std::vector<std::string>& args);

}  // namespace rkt::native
