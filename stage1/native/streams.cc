// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/streams.h"

#include <unistd.h>

#include <limits>

#include "base/error.h"
#include "base/strings.h"
#include "schema/appc/settings.h"
#include "stage1/native/plan.h"
#include "stage1/native/relay.h"
#include "sys/pty.h"
#include "sys/rootless.h"

namespace rkt::native {
namespace {

StreamMode parse_mode(const std::vector<appc::Annotation>& annotations, std::string_view stream, StreamMode usual) {
  const auto* text = appc::find_app_flag(annotations, stream);
  if (text == nullptr) return usual;
  if (*text == "null") return StreamMode::null;
  if (*text == "log" && stream != "stdin") return StreamMode::log;
  if (*text == "stream") return StreamMode::stream;
  appc::check_stream_mode(stream, *text);
  return StreamMode::tty;
}

LogLimits parse_limits(const std::vector<appc::Annotation>& annotations) {
  LogLimits out;
  if (const auto* text = appc::find_app_flag(annotations, "log-size")) out.size = appc::parse_log_size(*text);
  if (const auto* text = appc::find_app_flag(annotations, "log-files")) out.files = appc::parse_log_files(*text);
  return out;
}

class Maker {
 public:
  Maker(const AppPlan& app, const StreamContext& context) : app_(app), context_(context) {}

  AppStdio make() {
    AppStdio out;
    const AppStreams& s = app_.streams;
    if (s.attachable()) {
      context_.relay.attachments().listen(context_.pod);
      point_ = context_.relay.attachments().make_point(app_.name, context_.index);
    }
    if (s.has_terminal()) make_terminal();
    out.in = input(s.in);
    out.out = output(s.out, 1);
    out.err = output(s.err, 2);
    return out;
  }

 private:
  void make_terminal() {
    Pty pty = Pty::make(context_.devpts.get());
    give_terminal(app_, pty.slave.get());
    slave_ = std::move(pty.slave);
    set_nonblocking(pty.master.get());
    point_->offer_input(kTtyIn, dup_fd(pty.master.get()));
    add(std::move(pty.master), 1, StreamMode::tty);
  }

  void add(UniqueFd source, int stream, StreamMode mode) {
    const AttachEnd end = mode == StreamMode::tty ? kTtyOut : stream == 1 ? kStdout : kStderr;
    if (mode != StreamMode::log) point_->offer_output(end);
    context_.relay.add_output(std::move(source), {.stream = stream,
                                                  .console = mode == StreamMode::log,
                                                  .app = context_.lines ? app_.name : "",
                                                  .index = context_.index,
                                                  .log = log_,
                                                  .point = mode == StreamMode::log ? nullptr : point_,
                                                  .end = end});
  }

  UniqueFd input(StreamMode mode) {
    if (mode == StreamMode::tty) return dup_fd(slave_.get());
    if (mode != StreamMode::stream) return {};
    Pipe pipe = Pipe::make();
    give_to(app_, pipe.read_end.get());
    set_nonblocking(pipe.write_end.get());
    point_->offer_input(kStdin, std::move(pipe.write_end));
    return std::move(pipe.read_end);
  }

  UniqueFd output(StreamMode mode, int stream) {
    if (mode == StreamMode::null) return {};
    if (mode == StreamMode::tty) return dup_fd(slave_.get());
    Pipe pipe = Pipe::make();
    give_to(app_, pipe.write_end.get());
    add(std::move(pipe.read_end), stream, mode);
    return std::move(pipe.write_end);
  }

  const AppPlan& app_;
  const StreamContext& context_;
  const std::shared_ptr<AppLog> log_ = make_log(app_, context_);
  std::shared_ptr<AttachPoint> point_;
  UniqueFd slave_;
};

}  // namespace

AppStreams plan_streams(const std::vector<appc::Annotation>& annotations) {
  return {.in = parse_mode(annotations, "stdin", StreamMode::null),
          .out = parse_mode(annotations, "stdout", StreamMode::log),
          .err = parse_mode(annotations, "stderr", StreamMode::log),
          .log = parse_limits(annotations)};
}

AppStdio make_stdio(const AppPlan& app, const StreamContext& context) { return Maker(app, context).make(); }

std::shared_ptr<AppLog> make_log(const AppPlan& app, const StreamContext& context) {
  const auto say = [&relay = context.relay](std::string_view s) { relay.note(cat("stage1: ", s)); };
  std::unique_ptr<KubernetesLog> kubernetes;
  if (const auto& place = app.streams.kubernetes)
    kubernetes = std::make_unique<KubernetesLog>(*place, app.streams.log.total(), say);
  auto log = std::make_shared<AppLog>(context.pod, app.name, app.streams.log, say, std::move(kubernetes));
  if (app.syslog) context.relay.syslog().keep(context.index, log);
  return log;
}

gid_t tty_group(const std::optional<IdRange>& users) {
  constexpr gid_t kTtyGroup = 5;
  return has_group(kTtyGroup) ? on_host(users, kTtyGroup) : 0;
}

void give_to(const AppPlan& app, int fd) {
  if (app.fault) return;  // it has no user
  if (::fchown(fd, on_host(app.users, app.uid), on_host(app.users, app.gid)) < 0)
    throw Error::from_errno("give the app its standard streams");
}

void give_terminal(const AppPlan& app, int fd) {
  if (app.fault) return;
  if (::fchown(fd, on_host(app.users, app.uid), tty_group(app.users)) < 0)
    throw Error::from_errno("give the app its terminal");
}

}  // namespace rkt::native
