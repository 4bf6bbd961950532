// SPDX-License-Identifier: Apache-2.0
#include <signal.h>

#include <exception>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "cli/parse.h"
#include "cmd/commands.h"

int main(int argc, char** argv) {
  try {
    ::signal(SIGPIPE, SIG_IGN);  // a reader that went away is a write error, reported like any other; children reset it
    return rkt::cli::run_main(rkt::cmd::all_commands(), {argv + 1, argv + argc});
  } catch (const rkt::Error& e) {
    rkt::log::note("rkt", e.brief());
  } catch (const std::exception& e) {
    rkt::log::note("rkt", rkt::cat("internal error: ", std::string_view(e.what())));
  } catch (...) {
    rkt::log::note("rkt", "internal error");
  }
  return 254;
}
