// SPDX-License-Identifier: Apache-2.0
#include "pod/app_state.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/strings.h"

namespace rkt::pod {
namespace {

const char* immutable_state(State s, bool has_exit_code) {
  if (has_exit_code) return "exited";
  if (s == State::prepared) return "created";
  if (s == State::running) return "running";
  return is_after_run(s) ? "exited" : "unknown";
}

// When a file of rkt/status was written. The pod could have put anything there: only its time is looked at.
std::optional<TimePoint> written(const DirFd& files, const std::string& name) {
  const auto fd = files.find_in_root(cat("rkt/status/", name), O_PATH | O_NOFOLLOW);
  struct stat st{};
  if (!fd || ::fstat(fd->get(), &st) < 0) return std::nullopt;
  return TimePoint(std::chrono::seconds(st.st_mtim.tv_sec) + std::chrono::nanoseconds(st.st_mtim.tv_nsec));
}

}  // namespace

bool is_mutable(const appc::PodManifest& manifest) {
  const auto* value = appc::find_annotation(manifest.annotations, "coreos.com/rkt/stage1/mutable");
  return value != nullptr && parse_bool(*value).value_or(false);
}

AppState look_at_app(const Pod& pod, const std::string& app, bool is_mutable) {
  AppState out;
  out.exit_code = pod.app_exit_code(app);
  if (!is_mutable) {
    out.state = immutable_state(pod.state(), out.exit_code.has_value());
    out.created = pod.created();
    out.started = pod.started();
    out.finished = pod.gc_marked();
    return out;
  }
  const auto files = pod.stage1_files();
  if (!files) return out;
  out.created = written(*files, cat(app, "-created"));
  if (!out.created) return out;
  out.state = "created";
  out.started = written(*files, cat(app, "-started"));
  if (!out.started && !is_after_run(pod.state())) return out;
  out.state = "running";
  out.finished = written(*files, app);
  if (out.finished && !out.exit_code) out.exit_code = pod.app_exit_code(app).value_or(1);  // it has just ended
  if (!out.finished && is_after_run(pod.state())) out.finished = pod.changed();
  if (out.finished) out.state = "exited";
  return out;
}

}  // namespace rkt::pod
