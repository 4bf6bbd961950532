// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/sealed.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <optional>

#include "base/error.h"
#include "sys/exec.h"
#include "sys/fd.h"
#include "sys/mount.h"

namespace rkt::native {
namespace {

#ifndef MFD_EXEC
constexpr unsigned MFD_EXEC = 0x10;
#endif
constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

void copy_program(int program, int to) {
  struct stat st{};
  if (::fstat(program, &st) < 0) throw Error::from_errno("look at this program");
  off_t at = 0;
  while (at < st.st_size)
    if (::sendfile(to, program, &at, static_cast<std::size_t>(st.st_size - at)) <= 0)
      throw Error::from_errno("copy this program");
}

// Where memory files cannot be executed (vm.memfd_noexec=2): a file without a name on a file system that nobody can
// reach.
UniqueFd copy_on_its_own_file_system(int program) {
  const DetachedMount place = DetachedMount::make("tmpfs", {{"mode", "0700"}}, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
  {
    const UniqueFd file(::openat(place.fd(), "enter", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0500));
    if (!file) throw Error::from_errno("make a file for a copy of this program");
    copy_program(program, file.get());
  }
  UniqueFd copy(::openat(place.fd(), "enter", O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!copy || ::unlinkat(place.fd(), "enter", 0) < 0) throw Error::from_errno("open the copy of this program");
  return copy;
}

UniqueFd sealed_copy(int program) {
  UniqueFd copy(::memfd_create("rkt-enter", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC));
  // MFD_EXEC is of Linux 6.3; before, every memory file can be executed.
  if (!copy && errno == EINVAL) copy.reset(::memfd_create("rkt-enter", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!copy && errno == EACCES) return copy_on_its_own_file_system(program);
  if (!copy) throw Error::from_errno("make a memory file");
  copy_program(program, copy.get());
  if (::fcntl(copy.get(), F_ADD_SEALS, kSeals) < 0) throw Error::from_errno("seal a memory file");
  return copy;
}

// A memory file, or the file made above, which this process alone executes, and nobody will again.
bool is_such_a_copy(int program) {
  if (::fcntl(program, F_GET_SEALS) == kSeals) return true;
  struct stat st{};
  struct statfs fs{};
  if (::fstat(program, &st) < 0 || ::fstatfs(program, &fs) < 0) throw Error::from_errno("look at this program");
  return st.st_nlink == 0 && fs.f_type == TMPFS_MAGIC;
}

// Linux 5.8; nothing before.
std::optional<std::uint64_t> mount_id(int fd, const char* path, int flags) {
  struct statx st{};
  if (::statx(fd, path, flags | AT_NO_AUTOMOUNT, STATX_MNT_ID, &st) < 0)
    throw Error::from_errno("look at this program");
  if ((st.stx_mask & STATX_MNT_ID) == 0) return std::nullopt;
  return st.stx_mnt_id;
}

// Whether this program is executed from the mount `root`, and cannot be written to there: then nobody executes it any
// more either.
bool forbid_own_mount(UniqueFd root) {
  const auto mount = mount_id(root.get(), "", AT_EMPTY_PATH);
  struct statfs fs{};
  if (::fstatfs(root.get(), &fs) < 0) throw Error::from_errno("look at this program's file system");
  if (!mount || mount != mount_id(AT_FDCWD, "/proc/self/exe", 0) || fs.f_type != OVERLAYFS_SUPER_MAGIC ||
      (fs.f_flags & ST_RDONLY) == 0)
    return false;
  DetachedMount::adopt(std::move(root)).restrict(MOUNT_ATTR_NOEXEC);
  return true;
}

}  // namespace

void seal_program(UniqueFd root, const std::string& name, const std::vector<std::string>& args) {
  const UniqueFd program(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  if (!program) throw Error::from_errno("open this program");
  if (is_such_a_copy(program.get())) {
    // Not even root executes a file without any such bit, and the copy's owner is nobody in a pod with private users.
    if (::fchmod(program.get(), 0) < 0) throw Error::from_errno("take this program's permissions");
    return;
  }
  if (root && forbid_own_mount(std::move(root))) return;
  std::vector<std::string> words{name};
  words.insert(words.end(), args.begin(), args.end());
  const UniqueFd copy = sealed_copy(program.get());
  ::execveat(copy.get(), "", ExecStrings(words).get(), environ, AT_EMPTY_PATH);
  throw Error::from_errno("execute the copy of this program");
}

}  // namespace rkt::native
