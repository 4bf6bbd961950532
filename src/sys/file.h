// SPDX-License-Identifier: Apache-2.0
// Whole files: bounded reads, complete writes, and AtomicFile (write aside, fsync, rename, fsync the directory).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "sys/dir.h"

namespace rkt {

/// Reads to the end; more than `limit` bytes is an error. `what` names the object in messages.
std::string read_all(int fd, std::string_view what, std::size_t limit = std::size_t{16} << 20);
std::string read_file(const std::string& path, std::size_t limit = std::size_t{16} << 20);
std::string read_file(const DirFd& dir, const std::string& name, std::size_t limit = std::size_t{16} << 20);
std::optional<std::string> find_file_text(const DirFd& dir, const std::string& name,
                                          std::size_t limit = std::size_t{1} << 20);
/// Waits for room also where the descriptor does not.
void write_all(int fd, std::string_view bytes, std::string_view what);

/// Creates or truncates `name` with exactly this mode (the umask does not matter) and writes it. Not atomic, not
/// synced.
void write_file(const DirFd& dir, const std::string& name, std::string_view bytes, mode_t mode);

/// A file that appears complete or not at all. Dropped without commit() = removed.
class AtomicFile {
 public:
  /// `unnamed`: the kernel removes it also when this process is killed, where the file system can (O_TMPFILE).
  enum class Aside { named, unnamed };
  AtomicFile(const DirFd& dir, std::string name, mode_t mode, Aside aside = Aside::named);
  ~AtomicFile();
  AtomicFile(AtomicFile&&) = delete;
  int fd() const noexcept { return fd_.get(); }
  enum class Sync { yes, no };
  void commit(Sync sync = Sync::yes);  ///< fsync (unless Sync::no: for state that a power cut ends anyway), rename,
                                       ///< fsync directory

 private:
  const DirFd& dir_;
  std::string name_, tmp_;
  UniqueFd fd_;
  bool named_ = false;
};

/// An unnamed, sealable memory file holding `bytes`, positioned at 0.
UniqueFd memory_file(const char* name, std::string_view bytes);

/// `n` random bytes from the kernel.
void fill_random(std::span<std::uint8_t> bytes);

/// An environment variable of this process; nullopt when unset or when the process is set-user-ID.
std::optional<std::string> env(const char* name);

}  // namespace rkt
