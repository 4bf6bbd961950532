// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/diagnose.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <optional>

#include "base/error.h"
#include "base/printable.h"
#include "base/strings.h"
#include "stage1/native/launch.h"

namespace rkt::native {
namespace {

constexpr int kMaxInterpreters = 5;
constexpr std::size_t kMaxPath = 4096;
constexpr unsigned kMaxHeaders = 256;

std::string_view read_at(int fd, char* buffer, std::size_t size, off_t offset) {
  const ssize_t n = ::pread(fd, buffer, size, offset);
  return {buffer, n > 0 ? static_cast<std::size_t>(n) : 0};
}

// The word behind "#!".
std::optional<std::string> script_interpreter(std::string_view head) {
  if (!head.starts_with("#!")) return std::nullopt;
  const auto line = trim(head.substr(2, head.find('\n') - 2));
  return std::string(line.substr(0, line.find_first_of(" \t")));
}

std::optional<std::string> elf_loader(int fd, std::string_view head) {
  Elf64_Ehdr file{};
  if (head.size() < sizeof file || !head.starts_with(ELFMAG) || head[EI_CLASS] != ELFCLASS64) return std::nullopt;
  std::memcpy(&file, head.data(), sizeof file);
  for (unsigned i = 0; i < file.e_phnum && i < kMaxHeaders; ++i) {
    Elf64_Phdr part{};
    char bytes[sizeof part];
    if (read_at(fd, bytes, sizeof bytes, static_cast<off_t>(file.e_phoff + i * sizeof part)).size() != sizeof part)
      break;
    std::memcpy(&part, bytes, sizeof part);
    if (part.p_type != PT_INTERP) continue;
    char path[kMaxPath];
    const auto text =
        read_at(fd, path, std::min<std::size_t>(part.p_filesz, sizeof path), static_cast<off_t>(part.p_offset));
    return std::string(text.substr(0, text.find('\0')));
  }
  return std::nullopt;
}

std::string shown(const std::string& path) { return quoted(printable(path)); }

}  // namespace

std::string diagnose_exec(const DirFd& root, const std::string& exe, int err) {
  std::string path = exe;
  for (int i = 0; i < kMaxInterpreters; ++i) {
    try {
      const UniqueFd fd = root.open_in_root(path, O_RDONLY | O_NONBLOCK);
      struct stat st{};
      if (::fstat(fd.get(), &st) < 0 || !S_ISREG(st.st_mode)) return cat(shown(path), " is not a regular file");
      if ((st.st_mode & 0111) == 0) return cat(shown(path), " is not executable");
      char bytes[256];
      const auto head = read_at(fd.get(), bytes, sizeof bytes, 0);
      auto next = script_interpreter(head);
      if (!next) next = elf_loader(fd.get(), head);
      if (!next || next->empty()) break;
      path = *next;
    } catch (const Error& e) {
      return cat("Unable to open ", shown(path), ": ", error_text(e.sys_errno() != 0 ? e.sys_errno() : err));
    }
  }
  return cat("execute ", shown(exe), ": ", error_text(err));
}

}  // namespace rkt::native
