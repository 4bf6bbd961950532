// SPDX-License-Identifier: Apache-2.0
#include "image/local_file.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "base/error.h"
#include "base/scope.h"
#include "base/strings.h"
#include "sys/digest.h"
#include "sys/file.h"

namespace rkt::image {
namespace {

constexpr std::size_t kChunk = std::size_t{1} << 30;

// false: this pair of file systems cannot; nothing was written.
bool copy_in_kernel(int source, int target) {
  loff_t from = 0;
  for (;;) {
    const ssize_t n = ::copy_file_range(source, &from, target, nullptr, kChunk, 0);
    if (n > 0) continue;
    if (n == 0) return true;
    if (from == 0 && (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP)) return false;
    if (errno != EINTR) throw Error::from_errno("copy the image file");
  }
}

void copy_through_memory(int source, int target) {
  std::string buf(std::size_t{1} << 17, '\0');
  for (off_t at = 0;;) {
    const ssize_t n = ::pread(source, buf.data(), buf.size(), at);
    if (n == 0) return;
    if (n < 0) {
      if (errno == EINTR) continue;
      throw Error::from_errno("read the image file");
    }
    write_all(target, std::string_view(buf.data(), static_cast<std::size_t>(n)), "the image file");
    at += n;
  }
}

}  // namespace

UniqueFd private_copy(int source, const DirFd& dir, const std::string& name) {
  struct stat st{};
  if (::fstat(source, &st) < 0) throw Error::from_errno("stat the image file");
  if (!S_ISREG(st.st_mode)) throw Error(Errc::invalid, "the image is not a regular file");
  dir.unlink(name);
  UniqueFd copy = dir.open_file(name, O_RDWR | O_CREAT | O_EXCL, 0600);
  if (::ioctl(copy.get(), FICLONE, source) < 0 && !copy_in_kernel(source, copy.get()))
    copy_through_memory(source, copy.get());
  if (::lseek(copy.get(), 0, SEEK_SET) < 0) throw Error::from_errno("rewind the image file");
  return copy;
}

std::string digest_of_file(int file, std::string_view algorithm) {
  struct stat st{};
  if (::fstat(file, &st) < 0) throw Error::from_errno("stat a blob");
  const auto hash = algorithm == "sha512" ? sha512_hex : sha256_hex;
  if (st.st_size == 0) return hash({});
  const auto size = static_cast<std::size_t>(st.st_size);
  void* bytes = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
  if (bytes == MAP_FAILED) throw Error::from_errno("map a blob");
  const ScopeExit unmap([&] { ::munmap(bytes, size); });
  ::madvise(bytes, size, MADV_SEQUENTIAL);
  return hash(std::string_view(static_cast<const char*>(bytes), size));
}

std::string unique_name(std::string_view prefix) {
  std::array<std::uint8_t, 12> salt{};
  fill_random(salt);
  return cat(prefix, "-", to_hex(salt));
}

}  // namespace rkt::image
