// SPDX-License-Identifier: Apache-2.0
// What is done in the mount namespace of kept mounts, by a child (run_apart): the process that starts a pod never
// leaves its own namespace, root and directory, so that nothing has to return.
#pragma once

#include <sys/types.h>

namespace rkt::tree {

/// Makes the namespace.
struct NewSpace {
  int root;           // a detached mount, to be its root
  const char* place;  // any directory: it is attached there for a moment
  int space = -1;     // out: descriptor of the namespace, also when a later step failed
  const char* failed = nullptr;
  int error = 0;
};
int make_space(void* new_space) noexcept;

struct FileId {
  dev_t dev = 0;
  ino_t ino = 0;
};

/// One file of a tree.
struct KeptFile {
  const char* dir;  // "/ID"; nullptr: this tree is no file
  int own = -1;     // a detached mount of the file, to be attached where nothing is mounted
  FileId own_dir;   // the directory that its file was found in
  int copy = -1;    // out: a detached copy of what is mounted; -1: nothing is
};

/// Takes copies, unless the namespace has another root.
struct Visit {
  int space;
  KeptFile* files;
  int count;
  FileId root;
  bool removed = false;  // out: no file system has the root any more: the data directory was deleted
  const char* failed = nullptr;
  int error = 0;
};
int visit_space(void* visit) noexcept;

}  // namespace rkt::tree
