// SPDX-License-Identifier: Apache-2.0
// SELinux, as far as an engine needs it: files of the kernel's, no library. A context is USER:ROLE:TYPE[:LEVEL]; ""
// always means that nothing is said and the policy decides. Single-threaded callers only.
#pragma once

#include <cstdint>
#include <string>

namespace rkt {

/// What the processes of a pod run with, and what its files carry.
struct SelinuxContexts {
  std::string process, files;
};

/// selinuxfs is mounted where it belongs and can be written to. Where it cannot (in a container) SELinux is somebody
/// else's.
bool selinux_active();
/// The policy that is loaded has levels, and so categories.
bool selinux_has_levels();
/// The policy that is loaded knows this context.
bool selinux_knows(const std::string& context);

/// What an open file carries; "": nothing.
std::string context_of(int fd);
/// What `path` names gets the context; links are not followed. A file system that keeps no contexts has one as a whole:
/// nothing happens. Throws otherwise.
void label_path(const std::string& path, const std::string& context);
/// The same for what a descriptor names, O_PATH will do.
void label_file(int fd, const std::string& context);

enum class NewObject : std::uint8_t { file, key, socket };
/// What of this kind this process makes from here on has the context, until it executes something.
void label_new(NewObject kind, const std::string& context);
/// All kinds, for a process that makes things for a pod alone: its keys and sockets are the pod's processes'.
void label_new_objects(const SelinuxContexts& contexts);

/// label_new() for files, or another kind, while it lives.
class FileLabel {
 public:
  explicit FileLabel(const std::string& context, NewObject kind = NewObject::file);
  ~FileLabel();
  FileLabel(FileLabel&&) = delete;

 private:
  bool set_;
  NewObject kind_;
};

}  // namespace rkt
