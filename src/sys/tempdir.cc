// SPDX-License-Identifier: Apache-2.0
#include "sys/tempdir.h"

#include <cstdlib>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"

namespace rkt {

TempDir::TempDir(const std::string& under) : path_(cat(under, "/rkt-XXXXXX")) {
  if (::mkdtemp(path_.data()) == nullptr) throw Error::from_errno(cat("make a directory in ", quoted(under)));
  dir_ = DirFd::open(path_);
}

TempDir::~TempDir() {
  try {
    for (const auto& name : dir_.names()) dir_.remove_tree(name);
    ::rmdir(path_.c_str());
  } catch (const std::exception& e) {
    log::debug("tempdir", cat("leaving ", quoted(path_), ": ", std::string_view(e.what())));
  }
}

}  // namespace rkt
