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
#include "tree/entries.h"
#include "tree/note.h"
#include "tree/render.h"

namespace rkt::tree {
namespace {

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

std::string record_of(std::string_view digest, std::string_view how) { return cat(digest, "\n", how, "\n"); }

bool enable_verity(int file) {
  fsverity_enable_arg how{};
  how.version = 1;
  how.hash_algorithm = FS_VERITY_HASH_ALG_SHA256;
  how.block_size = 4096;
  return ::ioctl(file, FS_IOC_ENABLE_VERITY, &how) == 0;
}

bool file_is_as_recorded(const DirFd& dir) {
  const auto file = find_regular(dir, kTreeFile);
  const auto record = find_note(dir, kRecord);
  if (!file || !record) return false;
  const std::string digest = record->substr(0, record->find('\n'));
  if (*record == record_of(digest, "verity")) return measure(file->get()) == digest;
  return *record == record_of(digest, stat_line(file->get()));
}

bool is_directory(const DirFd& dir, const std::string& name) {
  struct stat st{};
  return ::fstatat(dir.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
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
  write_file(dir, kRecord, record_of(digest, how), 0644);
}

std::string recorded_digest(const DirFd& trees, const std::string& id) {
  const std::string record = find_note(trees, cat(id, "/", kRecord)).value_or("");
  return record.substr(0, record.find('\n'));
}

std::string lower_note(const std::vector<std::string>& below) {
  std::string out;
  for (const auto& id : below) out += cat(id, "\n");
  return out;
}

std::optional<std::vector<std::string>> read_lower(const DirFd& trees, const std::string& id) {
  std::vector<std::string> out;
  if (!is_layer_id(id)) return out;
  const auto text = find_note(trees, cat(id, "/", kLower));
  if (!text) return std::nullopt;
  for (const auto line : split(*text, '\n')) {
    if (line.empty()) continue;
    out.emplace_back(line);
    if (!is_layer_id(out.back())) return std::nullopt;
  }
  return out;
}

std::optional<std::string> tree_fault(const DirFd& trees, const std::string& id,
                                      const std::vector<std::string>& below) {
  if (read_lower(trees, id) != below) return cat("wrong note ", quoted(kLower));
  return record_fault(trees, id);
}

std::optional<std::string> record_fault(const DirFd& trees, const std::string& id) {
  UniqueFd fd(::openat(trees.get(), id.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd && is_other_than_wanted(errno)) return "it is no directory";
  if (!fd) throw Error::from_errno(cat("open ", quoted(id)));
  const DirFd dir(std::move(fd));
  if (!is_file(dir, ".")) return changed_entry(dir);
  if (!is_directory(dir, "rootfs")) return "\"rootfs\" is no directory";
  if (file_is_as_recorded(dir)) return std::nullopt;
  return cat(quoted(kTreeFile), " is not what it was");
}

}  // namespace rkt::tree
