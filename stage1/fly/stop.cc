// SPDX-License-Identifier: Apache-2.0
// stop: a signal to the app, or when it has gone, to those it left behind. Nobody is signalled without proof.
#include <signal.h>

#include "base/error.h"
#include "stage1/common/command_line.h"
#include "stage1/fly/commands.h"
#include "stage1/fly/process.h"

namespace rkt::fly {
namespace {

int signal_members(const AppProcess& app, int signal) {
  int reached = 0;
  for (const auto& member : open_members(app)) reached += send_signal(member, signal) ? 1 : 0;
  return reached;
}

}  // namespace

int stop(const std::vector<std::string>& args) {
  const auto options = stage1::parse_stop(args, false);
  const int signal = options.force ? SIGKILL : SIGTERM;
  const AppProcess app = load_process(DirFd::open("."));
  if (const auto process = open_app(app); process && send_signal(*process, signal)) return 0;
  if (signal_members(app, signal) == 0) throw Error(Errc::not_found, "no process is known to be the pod's");
  // Who was born while the others were looked for; a few rounds outrun all but a fork bomb.
  for (int round = 0; options.force && round < 10 && signal_members(app, signal) > 0;) ++round;
  return 0;
}

}  // namespace rkt::fly
