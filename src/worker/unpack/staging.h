// SPDX-License-Identifier: Apache-2.0
// The directory tree that an archive is written into: finds the parent directory of each entry, makes the directories
// that the archive only implies, and keeps what can be settled only at the end (times of directories, opaque marks).
//
// All work is by directory descriptor and single names, so that no link of the archive is ever followed by the kernel.
// The parent of the last entry is kept open, which serves nearly every entry of a sorted archive.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "sys/dir.h"
#include "worker/unpack/below.h"
#include "worker/unpack/tar.h"

namespace rkt::unpack {

class Staging {
 public:
  /// plain: an ACI or a layout; a parent that is a symbolic link is an error, and there is nothing below.
  /// layer: an OCI layer; links on the way are resolved with the tree as root, in the merged view of this layer and
  /// those
  ///        below it, as if the layer were unpacked on top of them. Whiteouts and opaque marks are overlayfs'.
  enum class Kind { plain, layer };
  Staging(DirFd root, Kind kind, Below below, bool keep_owner);

  /// Where an entry goes: an open directory and a name in it. `path` is the entry's place with all links resolved.
  struct Place {
    std::shared_ptr<const DirFd> dir;
    std::string name, path;
    bool set_gid = false;  ///< the directory passes its group on
  };
  Place place(std::string_view clean);  ///< makes missing parents; throws for the tree itself ("")
  void clear(const Place& place);       ///< removes what is there, a directory with all its content
  void directory(std::string_view clean, const Attributes& attributes);
  void whiteout(std::string_view clean);
  void opaque(std::string_view clean);

  /// The lower layers' entry at a resolved path, unless this layer hides it.
  std::optional<struct stat> find_below(const std::string& path) const;
  const Below& below() const noexcept { return below_; }
  bool keep_owner() const noexcept { return keep_owner_; }

  /// Sets the times of all directories. The last thing to be called.
  void finish();
  /// Directories that must be marked opaque, after finish(): the caller lets somebody with the privilege do it.
  const std::set<std::string>& opaque_paths() const noexcept { return opaque_; }
  DirFd open_directory(const std::string& path) const;

 private:
  struct Cursor {
    std::shared_ptr<const DirFd> dir;
    std::string path;
    bool set_gid = false;
  };
  struct Times {
    timespec atime, mtime;
  };
  class Walk;

  void enter(std::string_view dir);
  Cursor root() const;
  Cursor opened(UniqueFd fd, std::string path) const;
  Cursor make_directory(const Cursor& parent, const std::string& name, const Attributes& attributes);
  void settle(const Cursor& dir, const Attributes& attributes);
  void mark_opaque(const std::string& path);
  bool hidden(std::string_view path) const;
  void forget(const std::string& path);
  void hide_everything_below_the_root();

  std::shared_ptr<const DirFd> root_;
  Kind kind_;
  Below below_;
  bool keep_owner_;
  std::string entered_;  // the directory that here_ stands for, as it was asked for
  std::optional<Cursor> here_;
  std::map<std::string, Times> times_;
  std::set<std::string> opaque_;
};

/// Owner, extended attributes and mode of an open file or directory, in the order that keeps set-id bits and
/// capabilities.
void apply_attributes(int fd, const Attributes& attributes, bool keep_owner);

}  // namespace rkt::unpack
