// SPDX-License-Identifier: Apache-2.0
#include "cmd/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdlib>
#include <memory>

#include "base/error.h"
#include "base/strings.h"

namespace rkt::cmd {
namespace {

// Where a link to a regular file leads: that file is replaced, the link stays.
std::string real_path(const std::string& path) {
  const std::unique_ptr<char, decltype(&::free)> real(::realpath(path.c_str(), nullptr), &::free);
  if (!real) throw Error::from_errno(cat("follow the link ", quoted(path)));
  return real.get();
}

}  // namespace

OutputFile::OutputFile(const std::string& path, bool overwrite, const char* exists) {
  struct stat here{}, there{};
  const bool taken = ::lstat(path.c_str(), &here) == 0;
  if (taken && !overwrite && !S_ISDIR(here.st_mode)) throw Error(Errc::usage, exists);
  std::string file = path;
  if (taken) {
    if (::stat(path.c_str(), &there) < 0) throw Error::from_errno(cat("follow the link ", quoted(path)));
    if (S_ISDIR(there.st_mode)) throw Error(Errc::usage, cat(quoted(path), " is a directory"));
    if (!S_ISREG(there.st_mode)) {
      stream_ = UniqueFd(::open(path.c_str(), O_WRONLY | O_NOCTTY | O_CLOEXEC));
      if (!stream_) throw Error::from_errno(cat("open ", quoted(path)));
      return;
    }
    if (S_ISLNK(here.st_mode)) file = real_path(path);
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
