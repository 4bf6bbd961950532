// SPDX-License-Identifier: Apache-2.0
#include "cmd/wait.h"

#include "base/error.h"
#include "base/strings.h"
#include "cli/table.h"

namespace rkt::cmd {

Wait Wait::parse(const std::string& text) {
  if (text.empty()) return {.wanted = true};
  if (const auto b = parse_bool(text)) return {.wanted = *b};
  try {
    const auto limit = cli::parse_duration(text);
    if (limit < std::chrono::nanoseconds::zero()) return {.wanted = true};
    return {.wanted = limit > std::chrono::nanoseconds::zero(), .limit = limit};
  } catch (const Error&) {
    throw cli::UsageWanted{};
  }
}

void wait_for(const pod::Pods& pods, pod::Pod& pod, const Wait& ready, const Wait& finished) {
  constexpr const char* kTimeout = "context deadline exceeded";
  if (ready.wanted)
    in_context([] { return std::string("error waiting for pod readiness"); },
               [&] {
                 const auto got = pod::wait_ready(pods, pod, ready.limit);
                 if (got == pod::Ready::timeout) throw Error(Errc::system, kTimeout);
                 if (got == pod::Ready::ended)
                   throw Error(Errc::not_found, cat("pod ", quoted(pod.id().str()), " is not running"));
               });
  if (finished.wanted)
    in_context([] { return std::string("error waiting for pod to finish"); },
               [&] {
                 if (!pod::wait_finished(pods, pod, finished.limit)) throw Error(Errc::system, kTimeout);
               });
}

cli::Flag wait_flag(const char* name, const char* help) {
  return {.name = name,
          .kind = cli::Flag::Kind::choice_text,
          .fallback = "false",
          .help = help,
          .bare = "true",
          .optional_value = true};
}

}  // namespace rkt::cmd
