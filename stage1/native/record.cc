// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/record.h"

#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "sys/file.h"

namespace rkt::native {

void replace_file(const DirFd& dir, const std::string& name, std::string_view text) {
  AtomicFile file(dir, name, 0644);
  write_all(file.fd(), text, name);
  file.commit(AtomicFile::Sync::no);
}

Record::Record(const DirFd& pod, const DirFd& stage1, Restrictions restrictions, Say say)
    : pod_(pod), stage1_(stage1), state_{.restrictions = restrictions, .apps = {}}, say_(std::move(say)) {}

void Record::attempt(std::string_view what, const std::function<void()>& write) const {
  try {
    write();
  } catch (const Error& e) {
    say_(cat(what, " could not be recorded: ", e.brief()));
  }
}

void Record::started(const AppPlan& app, int pid) {
  state_.apps.push_back({.name = app.name, .pid = pid, .no_new_privs = app.confinement.no_new_privs});
  if (ready_) publish();
}

void Record::oom_killed(const std::string& app, std::uint64_t processes) {
  if (processes == 0) return;
  attempt(cat("that app ", quoted(app), " had no memory"),
          [&] { replace_file(stage1_.sub("rkt/status"), cat(app, ".oom-killed"), cat(processes, "\n")); });
}

void Record::ended(const std::string& app, int status) {
  attempt(cat("the status of app ", quoted(app)),
          [&] { replace_file(stage1_.sub("rkt/status"), app, cat(status, "\n")); });
  const bool ran = std::erase_if(state_.apps, [&](const PodState::App& a) { return a.name == app; }) > 0;
  if (ready_ && ran && !state_.apps.empty()) publish();
}

void Record::started_all(pid_t init) {
  ready_ = true;
  publish();
  attempt("the pod's process", [&] { replace_file(pod_, "pid", cat(init, "\n")); });
}

void Record::ready() {
  attempt("that the pod is ready", [&] {
    if (::symlinkat("ready", stage1_.get(), "rkt/supervisor-status") < 0 && errno != EEXIST)
      throw Error::from_errno("make a link");
  });
}

void Record::publish() {
  attempt("the pod's state", [&] { save_state(pod_, state_); });
}

}  // namespace rkt::native
