// SPDX-License-Identifier: Apache-2.0
#include <signal.h>

#include <exception>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "cli/parse.h"
#include "cmd/commands.h"
#include "sys/start.h"

int main(int argc, char** argv) {
  try {
    rkt::start_clean();
    // A reader that went away, and a file beyond the limit of its size, are errors of write(); children reset them.
    for (const int s : {SIGPIPE, SIGXFSZ}) ::signal(s, SIG_IGN);
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
