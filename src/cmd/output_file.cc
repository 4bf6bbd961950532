// SPDX-License-Identifier: Apache-2.0
#include "cmd/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>

#include "base/error.h"
#include "base/strings.h"

namespace rkt::cmd {
namespace {

// Where a link leads: that file is made or replaced, the link stays.
std::string followed(std::string path) {
  constexpr int kMaxLinks = 40;
  for (int n = 0; n < kMaxLinks; ++n) {
    char target[PATH_MAX];
    const ssize_t length = ::readlink(path.c_str(), target, sizeof target);
    if (length < 0 && (errno == EINVAL || errno == ENOENT)) return path;
    if (length < 0) break;
    const std::string_view next(target, static_cast<std::size_t>(length));
    path = next.starts_with('/') ? std::string(next) : cat(path.substr(0, path.rfind('/') + 1), next);
  }
  throw Error(Errc::usage, cat("cannot follow the link ", quoted(path)));
}

}  // namespace

OutputFile::OutputFile(const std::string& path, bool overwrite, const char* exists) {
  if (path.empty()) throw Error(Errc::usage, "the name of the output file is empty");
  struct stat here{}, there{};
  const bool taken = ::lstat(path.c_str(), &here) == 0;
  if (taken && !overwrite && !S_ISDIR(here.st_mode)) throw Error(Errc::usage, exists);
  std::string file = path;
  if (taken) {
    const bool dangling = ::stat(path.c_str(), &there) < 0;
    if (dangling && errno != ENOENT) throw Error::from_errno(cat("follow the link ", quoted(path)));
    if (S_ISDIR(there.st_mode)) throw Error(Errc::usage, cat(quoted(path), " is a directory"));
    if (!dangling && !S_ISREG(there.st_mode)) {
      stream_ = UniqueFd(::open(path.c_str(), O_WRONLY | O_NOCTTY | O_CLOEXEC));
      if (!stream_) throw Error::from_errno(cat("open ", quoted(path)));
      return;
    }
    if (S_ISLNK(here.st_mode)) file = followed(path);
  }
  const auto slash = file.rfind('/');
  const std::string name = file.substr(slash == std::string::npos ? 0 : slash + 1);
  if (name.empty()) throw Error(Errc::usage, cat(quoted(path), " is a directory"));
  dir_ = DirFd::open(slash == std::string::npos ? "." : file.substr(0, slash + 1));
  file_.emplace(dir_, name, 0644, AtomicFile::Aside::unnamed);
}

void OutputFile::commit() {
  if (file_) file_->commit();
}

}  // namespace rkt::cmd
