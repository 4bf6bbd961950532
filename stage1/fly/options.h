// SPDX-License-Identifier: Apache-2.0
// Command lines of the entry points, beyond what stage1/common/command_line.h has.
#pragma once

#include <string>
#include <vector>

#include "base/uuid.h"
#include "stage1/common/command_line.h"

namespace rkt::fly {

struct RunOptions {
  bool debug = false;
  stage1::NameModes names;
  std::vector<std::string> ignored;  ///< flags that another flavor honours, to be warned about
  Uuid uuid;
};
RunOptions parse_run(const std::vector<std::string>& args);

struct EnterOptions {
  int pid = 0;
  std::string app;   ///< "": the only one
  std::string user;  ///< "": the app's
  std::vector<std::string> command;
};
EnterOptions parse_enter(const std::vector<std::string>& args);

}  // namespace rkt::fly
