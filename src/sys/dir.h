// SPDX-License-Identifier: Apache-2.0
// DirFd: path work is a directory descriptor plus a relative name. For trees of the engine itself the plain members
// serve; everything inside an image or rootfs goes through the in_root members, which resolve with
// openat2(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS): absolute links and ".." stay inside. openat2 exists since
// Linux 5.6; there is no fallback, since every other need of this engine (new mount API, pidfds) is newer or as new.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sys/fd.h"

namespace rkt {

class DirFd {
 public:
  DirFd() noexcept = default;
  explicit DirFd(UniqueFd fd) noexcept : fd_(std::move(fd)) {}
  /// Opens a directory by path, following links (paths that the administrator gave). Throws.
  static DirFd open(const std::string& path);
  /// The same; nullopt when it does not exist.
  static std::optional<DirFd> find(const std::string& path);

  int get() const noexcept { return fd_.get(); }
  explicit operator bool() const noexcept { return static_cast<bool>(fd_); }
  DirFd clone() const;  ///< a second descriptor of the same directory
  UniqueFd release() noexcept { return std::move(fd_); }

  // Trees of the engine. `name` is relative and may contain slashes; a final symbolic link is not followed.
  DirFd sub(const std::string& name) const;                           ///< throws when missing
  std::optional<DirFd> find_sub(const std::string& name) const;       ///< nullopt when missing
  std::optional<DirFd> find_below(const std::string& path) const;     ///< the same, no link followed at any level
  DirFd make_sub(const std::string& name, mode_t mode = 0755) const;  ///< mkdir when missing (one level), then open
  UniqueFd open_file(const std::string& name, int flags,
                     mode_t mode = 0) const;  ///< O_CLOEXEC|O_NOFOLLOW added; throws
  std::optional<UniqueFd> find_file(const std::string& name, int flags = O_RDONLY) const;
  bool exists(const std::string& name) const;  ///< throws where nobody can tell
  void unlink(const std::string& name) const;  ///< missing is fine
  void rename(const std::string& from, const DirFd& to_dir, const std::string& to) const;  ///< replaces; no fsync
  void exchange(const std::string& a, const std::string& b) const;  ///< both names in this directory; atomic
  void sync() const;                                                ///< fsync of the directory
  std::vector<std::string> names() const;                           ///< entries but "." and "..", sorted
  /// The same of a descriptor that was opened for reading just now and is nobody else's: does not open it once more.
  std::vector<std::string> names_once() const;
  /// Removes `name` and everything below, by descriptor, never following links and never crossing into another mount
  /// (that is an error: EBUSY). Missing is fine.
  void remove_tree(const std::string& name) const;

  // Trees of an image. `path` may be absolute; it is resolved with this directory as root.
  UniqueFd open_in_root(std::string_view path, int flags, mode_t mode = 0) const;  ///< throws
  std::optional<UniqueFd> find_in_root(std::string_view path, int flags) const;    ///< nullopt: ENOENT or ENOTDIR
  /// Makes every missing directory of `path` (with that mode whatever the umask, owned by the caller), resolving links
  /// in root; returns the last one.
  DirFd make_path_in_root(std::string_view path, mode_t mode = 0755) const;

 private:
  UniqueFd fd_;
};

/// mkdir -p for the engine's own directories: each missing component is made with `mode`. Returns the last one.
DirFd make_dirs(const std::string& path, mode_t mode = 0755);

/// fstat(2); throws.
struct stat stat_of(const DirFd& dir);

}  // namespace rkt
