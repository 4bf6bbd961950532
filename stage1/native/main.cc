// SPDX-License-Identifier: Apache-2.0
// stage1-native: one program, several names.
#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "stage1/common/entry_point.h"
#include "stage1/native/commands.h"

namespace rkt::native {
namespace {

int dispatch(std::string_view name, const std::vector<std::string>& args) {
  if (name == "init") return rkt::native::run(args);
  if (name == "enter") return rkt::native::enter(args);
  if (name == "attach") return rkt::native::attach(args);
  if (name == "stop") return rkt::native::stop(args);
  if (name == "gc") return rkt::native::gc(args);
  if (name.starts_with("app_")) return rkt::native::operate(std::string(name.substr(4)), args);
  throw Error(Errc::usage, "stage1-native is executed as init, enter, attach, stop, gc or app_*");
}

// What is on a command line, every user of the host can read.
void wipe_token(char* word) {
  constexpr std::string_view kOption = "--mds-token=";
  if (std::string_view(word).starts_with(kOption))
    std::memset(word + kOption.size(), '*', std::strlen(word) - kOption.size());
}

std::string_view shown(std::string_view name) { return name == "init" ? "stage1" : name; }

}  // namespace
}  // namespace rkt::native

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv, argv + argc);
  std::for_each(argv, argv + argc, rkt::native::wipe_token);
  return rkt::stage1::run_entry_point(words, {.dispatch = rkt::native::dispatch, .shown = rkt::native::shown});
}
