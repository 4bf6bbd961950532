// SPDX-License-Identifier: Apache-2.0
// stage1-fly: one program, four names. gc has nothing to do: mounts die with the pod's mount namespace, and stage0
// removes whatever is left below POD.
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "stage1/common/entry_point.h"
#include "stage1/fly/commands.h"

namespace rkt::fly {
namespace {

int dispatch(std::string_view name, const std::vector<std::string>& args) {
  if (name == "run") return rkt::fly::run(args);
  if (name == "enter") return rkt::fly::enter(args);
  if (name == "stop") return rkt::fly::stop(args);
  if (name == "gc") return 0;
  throw Error(Errc::usage, "stage1-fly is executed as run, enter, stop or gc");
}

std::string_view shown(std::string_view name) { return name == "enter" ? "fly-enter" : name; }

}  // namespace
}  // namespace rkt::fly

int main(int argc, char** argv) {
  return rkt::stage1::run_entry_point({argv, argv + argc}, {.dispatch = rkt::fly::dispatch, .shown = rkt::fly::shown});
}
