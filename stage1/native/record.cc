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

Record::Record(const DirFd& pod, const DirFd& stage1, const PodPlan& plan, Restrictions restrictions, Say say)
    : pod_(pod),
      stage1_(stage1),
      plan_(plan),
      restrictions_(restrictions),
      say_(std::move(say)),
      pids_(plan.apps.size()) {}

void Record::attempt(std::string_view what, const std::function<void()>& write) const {
  try {
    write();
  } catch (const Error& e) {
    say_(cat(what, " could not be recorded: ", e.brief()));
  }
}

void Record::started(std::size_t app, int pid) {
  pids_.at(app) = pid;
  if (ready_) publish();
}

void Record::ended(std::size_t app, int status) {
  const std::string& name = plan_.apps.at(app).name;
  attempt(cat("the status of app ", quoted(name)),
          [&] { replace_file(stage1_.sub("rkt/status"), name, cat(status, "\n")); });
  pids_[app] = 0;
  if (ready_ && std::ranges::any_of(pids_, [](int pid) { return pid != 0; })) publish();
}

void Record::ready(pid_t init) {
  ready_ = true;
  publish();
  attempt("the pod's process", [&] {
    if (::symlinkat("ready", stage1_.get(), "rkt/supervisor-status") < 0 && errno != EEXIST)
      throw Error::from_errno("make a link");
    replace_file(pod_, "pid", cat(init, "\n"));
  });
}

void Record::publish() {
  PodState state{.restrictions = restrictions_, .apps = {}};
  for (std::size_t i = 0; i < pids_.size(); ++i)
    if (pids_[i] != 0)
      state.apps.push_back(
          {.name = plan_.apps[i].name, .pid = pids_[i], .no_new_privs = plan_.apps[i].confinement.no_new_privs});
  attempt("the pod's state", [&] { save_state(pod_, state); });
}

}  // namespace rkt::native
