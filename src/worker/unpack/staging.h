// SPDX-License-Identifier: Apache-2.0
// Where the entries of an archive go in a tree that is being made: finds the parent directory of each, makes the
// directories that the archive only implies, and keeps what is settled only at the end: opaque marks and whiteouts.
// They count from where they stand on, but are written last, and only where the layers below have something to hide:
// neither creates anything, and overlayfs shows a whiteout that it has nothing to merge with as a name without a file.
//
// The parent of the last entry is kept open, which serves nearly every entry of a sorted archive.
//
// While the layers below may still be in the making (Below::late), a directory that the archive only implies is taken
// for one that is a directory there too, or is not there. What was guessed is looked up when the layers below are
// needed for something else (a hard link to a file of theirs), or at the end: then such directories get their
// attributes, and a guess that was wrong (there is a symbolic link to follow) is Errc::busy: the tree has to be made
// again with what is below at hand. A tree is the same either way.
#pragma once

#include <sys/stat.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "worker/unpack/below.h"
#include "worker/unpack/new_tree.h"
#include "worker/unpack/tar.h"

namespace rkt::unpack {

class Staging {
 public:
  /// plain: an ACI or a layout; a parent that is a symbolic link is an error, and there is nothing below.
  /// layer: an OCI layer; links on the way are resolved with the tree as root, in the merged view of this layer and
  ///        those below it, as if the layer were unpacked on top of them. Whiteouts and opaque marks are overlayfs'.
  enum class Kind { plain, layer };
  Staging(NewTree& tree, Kind kind, Below below);

  /// Where an entry goes: an open directory and a name in it. `path` is the entry's place with all links resolved.
  struct Place {
    std::shared_ptr<NewDirectory> dir;
    std::string name, path;
  };
  Place place(std::string_view clean);  ///< makes missing parents; throws for the tree itself ("")
  void clear(const Place& place);       ///< removes what is there, a directory with all its content
  void directory(std::string_view clean, const Attributes& attributes);
  void whiteout(std::string_view clean);  ///< hides that name of the layers below; what this layer has there stays
  void opaque(std::string_view clean);    ///< hides what the layers below have in that directory

  /// The lower layers' entry at a resolved path, unless this layer hides it. Places that were found before are not to
  /// be written to any more.
  std::optional<struct stat> find_below(const std::string& path);
  const Below& below() const noexcept { return below_; }

  /// Writes whiteouts and opaque marks, and finishes the tree. The last thing to be called.
  void finish();

 private:
  struct Cursor {
    std::shared_ptr<NewDirectory> dir;
    std::string path;
  };
  class Walk;

  void enter(std::string_view dir);
  Cursor root() const { return {root_, ""}; }
  bool hidden(std::string_view path) const;     ///< by what this layer says of directories above it
  bool covered(const std::string& path) const;  ///< or of itself
  /// `dir` with all links resolved; nothing is made. nullopt: no such directory here or below.
  std::optional<std::string> look_for(std::string_view dir);
  /// Whether all of `dir` that this layer has are directories.
  bool reaches_below(const std::string& dir);
  void hide_everything_below_the_root();
  void guess(const std::string& path, bool implied);
  void settle();
  void write_whiteouts();
  void write_opaque_marks();

  NewTree& tree_;
  std::shared_ptr<NewDirectory> root_;
  Kind kind_;
  Below below_;
  std::string entered_;  // the directory that here_ stands for, as it was asked for
  std::optional<Cursor> here_;
  std::set<std::string> opaque_, whiteouts_;  // resolved paths
  bool guessing_ = false;
  std::map<std::string, bool> guesses_;  // directories that were implied; whether they are to get attributes from below
  std::size_t guessed_bytes_ = 0;
};

}  // namespace rkt::unpack
