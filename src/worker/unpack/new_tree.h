// SPDX-License-Identifier: Apache-2.0
// A tree that is being made: what Staging and Writer need of the form that it gets on disk. There are two forms:
// DirectoryTree (files and directories below a descriptor) and ErofsTree (one file that the kernel mounts). What
// entries of an archive mean - links on the way, whiteouts, directories over directories - is decided above this
// interface, so that it is the same for both.
//
// Names are single components, never "." or "..". Nothing follows symbolic links.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "worker/unpack/tar.h"

namespace rkt::unpack {

/// A new regular file. Only one is open at a time. Dropped without finish(): the tree is not usable.
class NewFile {
 public:
  NewFile() = default;
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  virtual ~NewFile() = default;
  /// Offsets ascend and pieces do not overlap; what lies between them, and behind the last one, is a hole.
  virtual void write(std::span<const std::uint8_t> bytes, std::uint64_t offset) = 0;
  virtual void finish(std::uint64_t size) = 0;
};

class NewDirectory {
 public:
  struct Found {
    mode_t type = 0;  ///< S_IFMT part
  };
  NewDirectory() = default;
  NewDirectory(const NewDirectory&) = delete;
  NewDirectory& operator=(const NewDirectory&) = delete;
  virtual ~NewDirectory() = default;

  virtual std::optional<Found> find(const std::string& name) const = 0;
  virtual std::string read_link(const std::string& name) const = 0;
  virtual std::shared_ptr<NewDirectory> open(const std::string& name) = 0;
  /// `name` does not exist.
  virtual std::shared_ptr<NewDirectory> make(const std::string& name, const Attributes& attributes) = 0;
  /// Gives this directory exactly these attributes.
  virtual void replace_attributes(const Attributes& attributes) = 0;

  // These make nothing, and say so (nullptr, false), when `name` exists.
  virtual std::unique_ptr<NewFile> create(const std::string& name, const Attributes& attributes) = 0;
  virtual bool special(const std::string& name, const Entry& entry) = 0;  ///< symbolic link, device, fifo
  virtual bool whiteout(const std::string& name) = 0;                     ///< overlayfs' mark "nothing here"
  virtual bool link(const std::string& name, const NewDirectory& from, const std::string& from_name) = 0;

  /// With everything below. Missing is fine.
  virtual void remove(const std::string& name) = 0;
};

class NewTree {
 public:
  NewTree() = default;
  NewTree(const NewTree&) = delete;
  NewTree& operator=(const NewTree&) = delete;
  virtual ~NewTree() = default;
  virtual std::shared_ptr<NewDirectory> root() = 0;
  /// nullptr unless every component of `path` is a directory of this tree.
  virtual std::shared_ptr<NewDirectory> find_directory(const std::string& path) = 0;
  /// The directory hides what is below it in other layers (overlayfs' opaque mark). The last thing before finish().
  virtual void mark_opaque(const std::string& path) = 0;
  virtual void finish() = 0;
};

}  // namespace rkt::unpack
