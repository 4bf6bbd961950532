// SPDX-License-Identifier: Apache-2.0
// The one file that `image export` and `export` write, and what both and directories of images have in common.
#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "base/strings.h"
#include "sys/file.h"

namespace rkt::cmd {

/// FILE, which must not exist (Errc::usage with the text `exists`), or is replaced with `overwrite`: a regular file
/// appears complete or not at all. What is none (a device, a FIFO, /dev/stdout) is written into and never replaced, and
/// a link is followed, as by a shell's `>`, also to what is not there yet.
class OutputFile {
 public:
  OutputFile(const std::string& path, bool overwrite, const char* exists);
  int fd() const noexcept { return file_ ? file_->fd() : stream_.get(); }
  void commit();  ///< the last thing; dropped without it: a regular file is what it was

 private:
  DirFd dir_;
  std::optional<AtomicFile> file_;
  UniqueFd stream_;
};

/// Runs `body`, which writes what the caller named: a full disk is that one's, not the data directory's.
template <class Body>
auto filling(const std::string& path, Body&& body) {
  try {
    return body();
  } catch (Error& e) {
    if (e.disk_full() && e.remedy().empty()) e.hint(cat("there is no room for ", quoted(path)));
    throw;
  }
}

}  // namespace rkt::cmd
