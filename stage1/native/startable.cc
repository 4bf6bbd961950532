// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/startable.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "stage1/common/exec_flaw.h"
#include "stage1/common/links.h"
#include "stage1/native/launch.h"
#include "stage1/native/target.h"

namespace rkt::native {
namespace {

void check_source(const VolumeMount& m) {
  if (m.volume.kind != appc::Volume::Kind::host || ::access(m.volume.source.c_str(), F_OK) == 0) return;
  throw Error::from_errno(cat("volume for ", quoted(m.target), ": open ", quoted(m.volume.source)));
}

// Whether something will lie over it that is not there yet.
bool is_covered(const AppPlan& app, const DirFd& root, const std::string& path) {
  const std::string place = stage1::resolve_links(root, path);
  const auto covers = [&](std::string_view target) {
    return is_at_or_below(place, target) || is_at_or_below(path, target);
  };
  return covers("/proc") || covers("/sys") || covers("/dev") || lies_in_volume(app.volumes, root, path);
}

void check_program_file(const DirFd& root, const std::string& path) {
  struct stat st{};
  const auto fd = root.find_in_root(path, O_PATH);
  if (fd && ::fstat(fd->get(), &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111) != 0) return;
  throw Error(Errc::invalid, cat(quoted(path), " could not be executed: ", stage1::diagnose_exec(root, path, ENOENT)));
}

}  // namespace

void check_startable(const AppPlan& app, const DirFd& root) {
  for (const auto& m : app.volumes) check_source(m);
  const std::string directory = clean_path(app.directory), program = clean_path(app.argv.front());
  if (!is_covered(app, root, directory) && !root.find_in_root(directory, O_PATH | O_DIRECTORY))
    throw Error::from_errno(describe(AppStep::directory), ENOENT);
  if (app.places.empty() && !is_covered(app, root, program)) check_program_file(root, program);
}

}  // namespace rkt::native
