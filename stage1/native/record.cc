// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/record.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "sys/file.h"

namespace rkt::native {
namespace {

std::string reserved(const std::string& app) { return app + ".reserved"; }

// Into the block that the file has already. False: there is no such file, or it cannot be written after all.
bool fill_reserved(const DirFd& dir, const std::string& app, std::string_view text) {
  const std::string name = reserved(app);
  const UniqueFd fd(::openat(dir.get(), name.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return false;
  if (::pwrite(fd.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()) &&
      ::renameat(dir.get(), name.c_str(), dir.get(), app.c_str()) == 0)
    return true;
  dir.unlink(name);
  return false;
}

}  // namespace

void replace_file(const DirFd& dir, const std::string& name, std::string_view text) {
  AtomicFile file(dir, name, 0644);
  write_all(file.fd(), text, name);
  file.commit(AtomicFile::Sync::no);
}

// Where none is nobody expects one. Its mode is replace_file()'s.
bool GrowingFile::begin(std::string_view text) {
  constexpr int kNew = O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  UniqueFd made(::openat(dir_.get(), name_.c_str(), kNew, 0644));
  if (!made) return false;
  if (::fchmod(made.get(), 0644) < 0) throw Error::from_errno(cat("set the mode of ", quoted(name_)));
  write_all(made.get(), text, name_);
  fd_ = std::move(made);
  text_ = text;
  return true;
}

void GrowingFile::set(std::string_view text) {
  if (fd_ && text.starts_with(text_)) {
    write_all(fd_.get(), text.substr(text_.size()), name_);
  } else if (!fd_ && begin(text)) {
    return;
  } else {
    replace_file(dir_, name_, text);
    fd_ = dir_.open_file(name_, O_WRONLY | O_APPEND | O_NOFOLLOW);
  }
  text_ = text;
}

Record::Record(const DirFd& pod, const DirFd& stage1, Restrictions restrictions, Say say)
    : pod_(pod),
      stage1_(stage1),
      state_{.restrictions = std::move(restrictions), .limits = stage1::callers_limits(), .apps = {}},
      say_(std::move(say)) {}

void Record::attempt(std::string_view what, const std::function<void()>& write) const {
  try {
    write();
  } catch (const Error& e) {
    say_(cat(what, " could not be recorded: ", e.brief()));
  }
}

// What makes the app one that runs is the last step, whichever that is: the old end, which goes when the new start is
// there, or the first start. Where a step fails, it does not run.
void Record::begun(const std::string& app) const {
  const DirFd dir = stage1_.sub("rkt/status");
  const bool has_ended = dir.exists(app);
  for (const char* of_earlier_run : {".oom-killed", ".restarts"}) dir.unlink(cat(app, of_earlier_run));
  replace_file(dir, cat(app, "-started"), "");
  if (has_ended) dir.unlink(app);
}

void Record::started(const AppPlan& app, int pid) {
  state_.apps.push_back({.name = app.name,
                         .pid = pid,
                         .no_new_privs = app.confinement.no_new_privs,
                         .uid = app.uid,
                         .gid = app.gid,
                         .groups = app.groups});
  attempt(cat("room for the status of app ", quoted(app.name)), [&] {
    const DirFd dir = stage1_.sub("rkt/status");
    // As short as a status can be, so that none leaves a rest of it. Of the life before it may be there.
    if (!dir.exists(reserved(app.name))) write_file(dir, reserved(app.name), "0\n", 0644);
  });
  if (ready_) publish();
}

void Record::oom_killed(const std::string& app, std::uint64_t before, std::uint64_t now) {
  if (now <= before) return;
  attempt(cat("that app ", quoted(app), " had no memory"),
          [&] { replace_file(stage1_.sub("rkt/status"), cat(app, ".oom-killed"), cat(now - before, "\n")); });
}

void Record::restarts(const std::string& app, std::uint32_t count) {
  attempt(cat("a restart of app ", quoted(app)),
          [&] { replace_file(stage1_.sub("rkt/status"), cat(app, ".restarts"), cat(count, "\n")); });
  std::erase_if(state_.apps, [&](const PodState::App& a) { return a.name == app; });
  if (ready_) publish();
}

void Record::ended(const std::string& app, int status) {
  attempt(cat("the status of app ", quoted(app)), [&] {
    const DirFd dir = stage1_.sub("rkt/status");
    const std::string text = cat(status, "\n");
    if (!fill_reserved(dir, app, text)) replace_file(dir, app, text);
  });
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
