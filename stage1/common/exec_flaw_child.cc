// SPDX-License-Identifier: Apache-2.0
// Runs after clone, when exec has failed: system calls only, and any of them may be refused by the app's filter.
#include "stage1/common/exec_flaw_child.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cstddef>

namespace rkt::stage1 {
namespace {

constexpr int kMaxInterpreters = 5;
constexpr unsigned kMaxHeaders = 256;
constexpr std::size_t kPath = sizeof ExecFinding::interpreter;

// The head of a file is as much as the kernel looks at of a script.
union Head {
  char text[256];
  Elf64_Ehdr elf;
};

int open_at(int root, std::uint64_t resolve, const char* path, std::uint64_t flags) noexcept {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.resolve = resolve;
  return static_cast<int>(::syscall(SYS_openat2, root, path, &how, sizeof how));
}

// A filter may refuse to open anything.
bool can_open(int root, std::uint64_t resolve) noexcept {
  const int fd = open_at(root, resolve, "/", O_PATH);
  ::close(fd);
  return fd >= 0;
}

bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }

// The word behind "#!".
bool script_interpreter(const Head& head, std::size_t size, char (&out)[kPath]) noexcept {
  const char* text = head.text;
  if (size < 2 || text[0] != '#' || text[1] != '!') return false;
  std::size_t at = 2;
  std::size_t length = 0;
  while (at < size && is_blank(text[at])) ++at;
  while (at < size && !is_blank(text[at]) && text[at] != '\n' && text[at] != '\0' && length + 1 < kPath)
    out[length++] = text[at++];
  out[length] = '\0';
  return length > 0;
}

bool elf_loader(int fd, const Head& head, std::size_t size, char (&out)[kPath]) noexcept {
  const Elf64_Ehdr& file = head.elf;
  if (size < sizeof file || file.e_ident[0] != ELFMAG0 || file.e_ident[1] != 'E' || file.e_ident[2] != 'L' ||
      file.e_ident[3] != 'F' || file.e_ident[EI_CLASS] != ELFCLASS64)
    return false;
  for (unsigned i = 0; i < file.e_phnum && i < kMaxHeaders; ++i) {
    Elf64_Phdr part{};
    const auto place = static_cast<off_t>(file.e_phoff + i * sizeof part);
    if (::syscall(SYS_pread64, fd, &part, sizeof part, place) != static_cast<long>(sizeof part)) return false;
    if (part.p_type != PT_INTERP) continue;
    const std::size_t wanted = part.p_filesz < kPath - 1 ? part.p_filesz : kPath - 1;
    const long n = ::syscall(SYS_pread64, fd, out, wanted, static_cast<off_t>(part.p_offset));
    out[n > 0 ? n : 0] = '\0';
    return out[0] != '\0';
  }
  return false;
}

ExecFlaw look_at(int fd) noexcept {
  struct stat st{};
  struct statfs mount{};
  if (::syscall(SYS_fstat, fd, &st) < 0) return ExecFlaw::unknown;
  if (!S_ISREG(st.st_mode)) return ExecFlaw::no_file;
  if ((st.st_mode & 0111) == 0) return ExecFlaw::not_executable;
  const bool forbidden = ::syscall(SYS_fstatfs, fd, &mount) == 0 && (mount.f_flags & ST_NOEXEC) != 0;
  return forbidden ? ExecFlaw::forbidden_there : ExecFlaw::unknown;
}

// What the kernel would execute next, if there is something and it can be read.
bool find_next(int fd, char (&out)[kPath]) noexcept {
  Head head{};
  const long n = ::syscall(SYS_pread64, fd, head.text, sizeof head.text, 0L);
  const std::size_t size = n > 0 ? static_cast<std::size_t>(n) : 0;
  return script_interpreter(head, size, out) || elf_loader(fd, head, size, out);
}

}  // namespace

void find_exec_flaw(int root, std::uint64_t resolve, const char* exe, ExecFinding& out) noexcept {
  out.flaw = ExecFlaw::unknown;
  out.interpreter[0] = '\0';
  const char* path = exe;
  for (int i = 0; i < kMaxInterpreters; ++i) {
    const int there = open_at(root, resolve, path, O_PATH);
    out.err = errno;
    if (there < 0 && !can_open(root, resolve)) return;
    out.flaw = there < 0 ? ExecFlaw::cannot_open : look_at(there);
    ::close(there);
    if (out.flaw != ExecFlaw::unknown) return;
    const int fd = open_at(root, resolve, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    const bool more = fd >= 0 && find_next(fd, out.interpreter);
    ::close(fd);
    if (!more) return;
    path = out.interpreter;
  }
}

}  // namespace rkt::stage1
