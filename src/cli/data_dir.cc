// SPDX-License-Identifier: Apache-2.0
#include "cli/data_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>

#include "base/error.h"
#include "base/strings.h"
#include "sys/fd.h"

namespace rkt::cli {
namespace {

constexpr int kLook = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

struct stat status_of(int dir, const std::string& path) {
  struct stat st{};
  if (::fstat(dir, &st) < 0) throw Error::from_errno(cat("look at ", quoted(path)));
  return st;
}

Error can_write(const std::string& path) {
  return Error(Errc::denied, cat("other users can write to the data directory: ", quoted(path)))
      .hint("use --dir, or take it from them with chown and chmod");
}

void refuse_above(const std::string& dir, int above, const std::string& path, uid_t own) {
  const struct stat st = status_of(above, path);
  const bool open_to_all = (st.st_mode & S_IWOTH) != 0 && (st.st_mode & S_ISVTX) == 0;
  if (st.st_uid == own && !open_to_all) return;
  throw Error(Errc::denied, cat("the data directory ", quoted(dir), " is in ", quoted(path), ", which ",
                                open_to_all ? "other users can write to" : "belongs to another user"))
      .hint("use --dir with a place that nobody else can rename");
}

void refuse_itself(const std::string& dir, int fd, uid_t own) {
  struct stat st = status_of(fd, dir);
  if (st.st_uid != own)
    throw Error(Errc::denied, cat("the data directory ", quoted(dir), " belongs to another user"))
        .hint("run rkt as that user, or use --dir");
  const bool shared = (st.st_mode & S_IWOTH) != 0;
  if (shared && (st.st_mode & S_ISVTX) == 0) throw can_write(dir);
  for (const char* part : {"cas", "pods", "locks"}) {
    // Where everybody makes directories of his own, as on a new tmpfs, these are made before anybody else does.
    if (shared) ::mkdirat(fd, part, 0750);
    const bool there = ::fstatat(fd, part, &st, shared ? AT_SYMLINK_NOFOLLOW : 0) == 0;
    const std::string path = cat(dir, "/", part);
    if (shared && (!there || !S_ISDIR(st.st_mode))) throw can_write(path);  // nobody's link
    if (there && (st.st_uid != own || (st.st_mode & S_IWOTH) != 0)) throw can_write(path);
  }
}

std::string real_path(const std::string& path) {
  const std::unique_ptr<char, decltype(&::free)> real(::realpath(path.c_str(), nullptr), &::free);
  return real ? std::string(real.get()) : std::string();
}

}  // namespace

std::string resolve_data_dir(const std::string& path) {
  struct stat st{};
  if (::stat(path.c_str(), &st) < 0 && ::lstat(path.c_str(), &st) == 0 && S_ISLNK(st.st_mode))
    throw Error(Errc::not_found, cat("the data directory ", quoted(path), " is a link to what is not there"));
  for (std::size_t end = path.size(); end != 0 && end != std::string::npos; end = path.find_last_of('/', end - 1))
    if (const std::string real = real_path(path.substr(0, end)); !real.empty())
      return end == path.size() ? real : cat(real == "/" ? "" : real, path.substr(end));
  return path;
}

// Down from "/", since who owns a directory decides what its names mean. By descriptors: nobody changes what was seen.
void refuse_others(const std::string& dir) {
  const uid_t own = ::geteuid();
  std::string path = "/";
  UniqueFd at(::open(path.c_str(), kLook));
  for (const auto part : split(dir, '/')) {
    if (!at) return;
    if (part.empty()) continue;
    refuse_above(dir, at.get(), path, own);
    const std::string name(part);
    UniqueFd next(::openat(at.get(), name.c_str(), kLook));
    path += cat(path == "/" ? "" : "/", name);
    struct stat st{};
    if (!next && ::fstatat(at.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
      throw Error(Errc::denied, cat("the data directory ", quoted(dir), ": ", quoted(path), " is a link"))
          .hint("use --dir");  // made after links were resolved, or to what is not there
    at = std::move(next);
  }
  if (at) refuse_itself(dir, at.get(), own);
}

}  // namespace rkt::cli
