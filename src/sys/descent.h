// SPDX-License-Identifier: Apache-2.0
// Going through a tree of any depth with a bounded number of descriptors: whoever made the tree (an app, an image)
// decides how deep it is, and must not decide whether it can be copied or removed. The directories near the top stay
// open; from one that is deeper the way back is "..", believed only when it leads to the directory that we came from.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sys/dir.h"

namespace rkt {

class Descent {
 public:
  using List = std::vector<std::string> (*)(const DirFd&);
  /// `list`: the names that next() gives; all of them, unless it says less.
  explicit Descent(DirFd top, List list = [](const DirFd& dir) { return dir.names(); });
  const DirFd& at() const noexcept { return levels_.back().dir; }  ///< the directory it stands in
  bool at_top() const noexcept { return levels_.size() == 1; }
  /// The next name in this directory, as listed when the first one was asked for; nullopt when all have been given.
  std::optional<std::string> next();
  void down(std::string name, DirFd dir);  ///< `dir` is what `name` is here
  /// Back to where it came from, which is not the top; returns the name of the directory it left. Throws Errc::busy
  /// when that was moved meanwhile.
  std::string up();
  std::string path() const;  ///< of the directory it stands in: "/a/b", "" at the top

 private:
  struct Level {
    std::string name;
    DirFd dir;  // empty: closed, dev and ino say what it was
    dev_t dev = 0;
    ino_t ino = 0;
    std::optional<std::vector<std::string>> names = std::nullopt;
    std::size_t taken = 0;
  };
  List list_;
  std::vector<Level> levels_;
};

/// Calls `visit` for everything below `top`, what a directory holds after the directory; links are not followed. Nobody
/// changes the tree meanwhile but `visit`, which removes nothing.
using Visit = std::function<void(const DirFd& directory, const std::string& name, const struct stat& st)>;
void visit_below(const DirFd& top, const Visit& visit);

}  // namespace rkt
