// SPDX-License-Identifier: Apache-2.0
// stage1-fly: one program, four names. gc has nothing to do: mounts die with the pod's mount namespace, and stage0
// removes whatever is left below POD.
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "stage1/fly/commands.h"

namespace {

int dispatch(std::string_view name, const std::vector<std::string>& args) {
  if (name == "run") return rkt::fly::run(args);
  if (name == "enter") return rkt::fly::enter(args);
  if (name == "stop") return rkt::fly::stop(args);
  if (name == "gc") return 0;
  throw rkt::Error(rkt::Errc::usage, "stage1-fly is executed as run, enter, stop or gc");
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv, argv + argc);
  const std::string_view path = words.empty() ? std::string_view() : std::string_view(words[0]);
  const std::string_view name = path.substr(path.rfind('/') + 1);
  const std::string_view shown = name == "enter" ? "fly-enter" : name;
  try {
    return dispatch(name, {words.begin() + (words.empty() ? 0 : 1), words.end()});
  } catch (const rkt::Error& e) {
    rkt::log::note(shown, rkt::log::debug_on() ? e.tree() : e.brief());
    return e.exit_code();
  } catch (const std::exception& e) {
    rkt::log::note(shown, e.what());
    return 254;
  }
}
