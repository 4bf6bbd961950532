// SPDX-License-Identifier: Apache-2.0
#include "cmd/image_directory.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "image/local_file.h"

namespace rkt::cmd {

OutputDirectory::OutputDirectory(const std::string& path, bool overwrite) {
  struct stat st{};
  const bool there = ::lstat(path.c_str(), &st) == 0;
  if (there && !overwrite) throw Error(Errc::usage, "output directory exists (try --overwrite)");
  // Only directories: a device or somebody's link is not ours to remove.
  if (there && !S_ISDIR(st.st_mode)) throw Error(Errc::usage, cat(quoted(path), " is not a directory"));
  struct stat root{};
  if (there && ::stat("/", &root) == 0 && st.st_dev == root.st_dev && st.st_ino == root.st_ino)
    throw Error(Errc::usage, "this would delete your root filesystem. Refusing.");
  std::string text = path;
  while (text.size() > 1 && text.ends_with('/')) text.pop_back();
  const auto slash = text.rfind('/');
  name_ = slash == std::string::npos ? text : text.substr(slash + 1);
  if (name_.empty() || name_ == "." || name_ == "..")
    throw Error(Errc::usage, cat("bad output directory ", quoted(path)));
  parent_ = DirFd::open(slash == std::string::npos ? "." : slash == 0 ? "/" : text.substr(0, slash));
  aside_ = cat(".", image::unique_name("rkt-image"));
  dir_ = parent_.make_sub(aside_, 0755);
}

OutputDirectory::~OutputDirectory() {
  if (aside_.empty()) return;
  try {
    parent_.remove_tree(aside_);
  } catch (const Error& e) {
    log::note("image", cat("leaving ", quoted(aside_), " behind: ", e.brief()));
  }
}

void OutputDirectory::finish(const std::string& part) {
  parent_.remove_tree(name_);
  parent_.rename(part.empty() ? aside_ : cat(aside_, "/", part), parent_, name_);
  if (part.empty()) aside_.clear();
}

}  // namespace rkt::cmd
