// SPDX-License-Identifier: Apache-2.0
// stage1-native: one program, several names.
#include <algorithm>
#include <cstring>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "stage1/native/commands.h"

namespace {

int dispatch(std::string_view name, const std::vector<std::string>& args) {
  if (name == "init") return rkt::native::run(args);
  if (name == "enter") return rkt::native::enter(args);
  if (name == "attach") return rkt::native::attach(args);
  if (name == "stop") return rkt::native::stop(args);
  if (name == "gc") return rkt::native::gc(args);
  if (name.starts_with("app_")) return rkt::native::operate(std::string(name.substr(4)), args);
  throw rkt::Error(rkt::Errc::usage, "stage1-native is executed as init, enter, attach, stop, gc or app_*");
}

// What is on a command line, every user of the host can read.
void wipe_token(char* word) {
  constexpr std::string_view kOption = "--mds-token=";
  if (std::string_view(word).starts_with(kOption))
    std::memset(word + kOption.size(), '*', std::strlen(word) - kOption.size());
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv, argv + argc);
  std::for_each(argv, argv + argc, wipe_token);
  const std::string_view path = words.empty() ? std::string_view() : std::string_view(words[0]);
  const std::string_view name = path.substr(path.rfind('/') + 1);
  const std::string_view shown = name == "init" ? "stage1" : name;
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
