// SPDX-License-Identifier: Apache-2.0
#include "pod/logs.h"
#include "cmd/data.h"
#include "cmd/pod_argument.h"
#include "cmd/registry.h"

#include <poll.h>

#include "base/error.h"
#include "base/strings.h"
#include "cli/env.h"
#include "cli/log_printer.h"
#include "cli/table.h"
#include "stage0/entrypoint.h"

namespace rkt::cmd {
namespace {

constexpr int kLookAgainMs = 250;  // whether the pod has ended: nothing tells that

struct Request {
  bool follow = false;
  std::optional<cri::LogTime> since, until;
  std::optional<std::uint64_t> tail;
};

cri::LogTime now() { return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now()); }

// A duration before now, or a time.
std::optional<cri::LogTime> point_in_time(const cli::Parsed& in, std::string_view flag) {
  const std::string& text = in.text(flag);
  if (text.empty()) return std::nullopt;
  if (const auto time = cri::parse_time(text)) return time;
  try {
    return now() - cli::parse_duration(text);
  } catch (const Error&) {
    throw Error(Errc::usage, cat("invalid value ", quoted(text), " for flag --", flag,
                                 ": want a duration (10m) or a time (2006-01-02T15:04:05Z)"));
  }
}

Request parse_request(const cli::Parsed& in) {
  Request out{.follow = in.on("follow"), .since = point_in_time(in, "since"), .until = point_in_time(in, "until")};
  const std::string& tail = in.text("tail");
  if (tail == "all") return out;
  out.tail = parse_int<std::uint64_t>(tail);
  if (!out.tail)
    throw Error(Errc::usage, cat("invalid value ", quoted(tail), " for flag --tail: want a number of lines"));
  return out;
}

std::vector<std::string> choose_apps(const cli::Parsed& in, const pod::Pod& pod) {
  std::vector<std::string> all;
  for (const auto& app : pod.manifest().apps) all.push_back(app.name.str());
  if (in.args.size() < 2) return all;
  const std::string& wanted = in.args[1];
  for (const auto& app : all)
    if (app == wanted) return {app};
  throw Error(Errc::not_found, cat("pod ", quoted(pod.id().str()), " has no app ", quoted(wanted)));
}

void check_kept(const pod::Pod& pod) {
  if (pod.dir().exists("logs") || stage0::Stage1::of(pod.dir()).takes("logs")) return;
  throw Error(Errc::unsupported, cat("the stage1 of pod ", quoted(pod.id().str()), " keeps no logs"));
}

void print_new(pod::PodLogs& logs, const Request& request, cli::LogPrinter& printer) {
  logs.look();
  while (const auto entry = logs.next()) {
    const auto time = entry->record.time;
    if ((!request.since || time >= *request.since) && (!request.until || time < *request.until)) printer.add(*entry);
  }
  if (const auto missed = logs.take_missed(); missed > 0) printer.say_missed(missed);
  printer.flush();
}

int run_logs(cli::Env& env, const cli::Parsed& in) {
  if (in.args.empty() || in.args.size() > 2) throw cli::UsageWanted{};
  const Request request = parse_request(in);
  const auto pods = open_pods(env);
  auto pod = open_pod(pods, in.args.front());
  const auto apps = choose_apps(in, pod);
  check_kept(pod);
  pod::PodLogs logs(pod.dir(), apps, request.since);
  cli::LogPrinter printer(env,
                          {.timestamps = in.on("timestamps"), .apps = apps, .tail = request.tail, .raw = in.on("raw")});
  const pod::Watch watch;
  for (;;) {
    if (request.follow) logs.watch(watch);
    pod.refresh(pods);  // before the last look: what ended has written everything
    const bool ended = pod::is_finished(pod.state()) || pod::is_after_run(pod.state());
    const bool over = request.until && now() >= *request.until;
    print_new(logs, request, printer);
    printer.end_tail();
    if (!request.follow || ended || over) break;
    pollfd p{watch.fd(), POLLIN, 0};
    if (::poll(&p, 1, watch.wait_ms(kLookAgainMs)) < 0 && errno != EINTR)
      throw Error::from_errno("wait for the logs of a pod");
    watch.drain();
  }
  printer.end();
  return 0;
}

}  // namespace

const cli::Command logs{
    .name = "logs",
    .args = "[--follow] [--since=TIME] [--until=TIME] [--tail=N] [--timestamps] [--raw] UUID [APP]",
    .brief = "Print what the apps of a pod wrote",
    .description =
        "What an app wrote on its standard output goes to standard output, the rest to standard error; with several "
        "apps, each line with its app's name. TIME is a duration before now (10m) or a time (2006-01-02T15:04:05Z).",
    .flags =
        [] {
          return cli::Flags{cli::lettered('f', cli::toggle("follow", false, "go on until the pod has ended")),
                            cli::text("since", "", "leave out what is older"),
                            cli::text("until", "", "leave out what is younger"),
                            cli::text("tail", "all", "only that many lines from the end"),
                            cli::toggle("timestamps", false, "the time before each line"),
                            cli::toggle("raw", false, "let the terminal have control characters of apps")};
        },
    .run = run_logs};

}  // namespace rkt::cmd
