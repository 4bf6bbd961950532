// SPDX-License-Identifier: Apache-2.0
// Command lines of the entry points (reference: pods §2.2-2.5). Flags are "--name=value", "--name value", or one dash.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/uuid.h"

namespace rkt::fly {

enum class ResolvMode { from_image, host, stage0, none };
enum class HostsMode { from_image, host, stage0 };

struct RunOptions {
  bool debug = false;
  ResolvMode resolv = ResolvMode::from_image;
  HostsMode hosts = HostsMode::from_image;
  std::vector<std::string> ignored;  ///< flags that another flavor honours, to be warned about
  Uuid uuid;
};
RunOptions parse_run(const std::vector<std::string>& args);

struct EnterOptions {
  int pid = 0;
  std::string app;  ///< "": the only one
  std::vector<std::string> command;
};
EnterOptions parse_enter(const std::vector<std::string>& args);

struct StopOptions {
  bool force = false;
  Uuid uuid;
};
StopOptions parse_stop(const std::vector<std::string>& args);

}  // namespace rkt::fly
