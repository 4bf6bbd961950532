// SPDX-License-Identifier: Apache-2.0
#include "tree/record.h"

#include <fcntl.h>
#include <linux/fsverity.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <array>
#include <cstring>
#include <span>

#include "base/error.h"
#include "base/strings.h"
#include "sys/file.h"
#include "tree/render.h"

namespace rkt::tree {
namespace {

constexpr const char* kRecord = "digest";
constexpr std::size_t kSha256 = 32;

std::string stat_line(int file) {
  struct stat st{};
  if (::fstat(file, &st) < 0) throw Error::from_errno("stat a tree");
  const auto ns = [](const timespec& t) { return cat(t.tv_sec, ".", t.tv_nsec); };
  return cat("stat ", st.st_size, " ", ns(st.st_mtim), " ", ns(st.st_ctim), " ", st.st_ino);
}

// "" where the file has no digest that is enforced.
std::string measure(int file) {
  std::array<std::uint8_t, sizeof(fsverity_digest) + kSha256> answer{};
  fsverity_digest head{.digest_algorithm = 0, .digest_size = kSha256};
  std::memcpy(answer.data(), &head, sizeof head);
  if (::ioctl(file, FS_IOC_MEASURE_VERITY, answer.data()) < 0) return {};
  std::memcpy(&head, answer.data(), sizeof head);
  if (head.digest_algorithm != FS_VERITY_HASH_ALG_SHA256) return {};
  return cat("sha256:", to_hex(std::span<const std::uint8_t>(answer).subspan(sizeof head)));
}

bool enable_verity(int file) {
  fsverity_enable_arg how{};
  how.version = 1;
  how.hash_algorithm = FS_VERITY_HASH_ALG_SHA256;
  how.block_size = 4096;
  return ::ioctl(file, FS_IOC_ENABLE_VERITY, &how) == 0;
}

}  // namespace

void write_record(const DirFd& dir, const std::string& digest) {
  const UniqueFd file = dir.open_file(kTreeFile, O_RDONLY);
  std::string how;
  if (enable_verity(file.get())) {
    if (measure(file.get()) != digest) throw Error(Errc::system, "the tree on disk is not what was written");
    how = "verity";
  } else {
    how = stat_line(file.get());
  }
  write_file(dir, kRecord, cat(digest, "\n", how, "\n"), 0644);
}

bool record_holds(const DirFd& trees, const std::string& id) {
  const auto file = trees.find_file(cat(id, "/", kTreeFile));
  if (!file) return true;
  const auto record = find_file_text(trees, cat(id, "/", kRecord), 512);
  if (!record) return false;
  const auto end = record->find('\n');
  if (end == std::string::npos) return false;
  const std::string_view digest = std::string_view(*record).substr(0, end),
                         how = trim(std::string_view(*record).substr(end + 1));
  return how == "verity" ? measure(file->get()) == digest : how == stat_line(file->get());
}

}  // namespace rkt::tree
