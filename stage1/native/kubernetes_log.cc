// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/kubernetes_log.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/strings.h"
#include "stage1/native/append.h"
#include "stage1/native/launch.h"
#include "sys/dir.h"

namespace rkt::native {
namespace {

constexpr std::string_view kLogMode = "coreos.com/rkt/experiment/logmode", kPlainMode = "k8s-plain",
                           kLogDirectory = "coreos.com/rkt/experiment/kubernetes-log-dir",
                           kLogName = "coreos.com/rkt/experiment/kubernetes-log-path";
constexpr std::size_t kLongestName = 255;
constexpr auto kBetweenNotes = std::chrono::minutes(1);

Error wrong(std::string_view annotation, std::string_view why) {
  return {Errc::invalid, cat("annotation ", annotation, " ", why)};
}

const std::string& needed(const std::vector<appc::Annotation>& annotations, std::string_view name) {
  const auto* text = appc::find_annotation(annotations, name);
  if (text == nullptr) throw wrong(name, cat("is missing: log mode ", kPlainMode, " needs it"));
  return *text;
}

// An app may have a volume there, or above: no link is followed, and nothing but a file is ever opened.
UniqueFd open_directory(const std::string& path) {
  open_how how{};
  how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  UniqueFd fd(static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof how)));
  if (!fd && errno == ELOOP)
    throw Error(Errc::invalid, cat("open directory ", quoted(path), ": a link leads there"))
        .hint("name the directory itself");
  if (!fd) throw Error::from_errno(cat("open directory ", quoted(path)));
  return fd;
}

UniqueFd open_log(const DirFd& directory, const std::string& name) {
  constexpr int kFlags = O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  UniqueFd made(::openat(directory.get(), name.c_str(), kFlags | O_CREAT | O_EXCL | O_NOFOLLOW, 0640));
  if (made) return made;
  if (errno != EEXIST) throw Error::from_errno("make it");
  const UniqueFd there = directory.open_file(name, O_PATH);
  struct stat st{};
  if (::fstat(there.get(), &st) < 0) throw Error::from_errno("look at it");
  if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
    throw Error(Errc::invalid, "it is no file, or has another name besides");
  UniqueFd file = reopen_fd(there.get(), kFlags);
  if (!file) throw Error::from_errno("open it");
  return file;
}

}  // namespace

std::optional<std::string> kubernetes_log_directory(const std::vector<appc::Annotation>& pod) {
  const auto* mode = appc::find_annotation(pod, kLogMode);
  if (mode == nullptr) return std::nullopt;
  if (*mode != kPlainMode) throw wrong(kLogMode, cat("is ", quoted(*mode), ": the only mode is ", kPlainMode));
  const std::string& path = needed(pod, kLogDirectory);
  if (!path.starts_with('/') || path.contains('\0'))
    throw wrong(kLogDirectory, cat("is ", quoted(path), ": it must be an absolute path"));
  if (!DirFd::find(path)) throw wrong(kLogDirectory, cat("is ", quoted(path), ": there is no such directory"));
  (void)open_directory(path);
  return path;
}

std::string kubernetes_log_name(const std::vector<appc::Annotation>& app) {
  const std::string& name = needed(app, kLogName);
  const bool fits = !name.empty() && name.size() <= kLongestName && name != "." && name != ".." &&
                    !name.contains('/') && !name.contains('\0');
  if (!fits) throw wrong(kLogName, cat("is ", quoted(name), ": it must be the name of a file, without a directory"));
  return name;
}

KubernetesLog::KubernetesLog(const KubernetesLogPlace& place, std::uint64_t limit, Say say)
    : name_(cat(place.directory, "/", place.name)), limit_(limit), say_(std::move(say)) {
  file_ = in_place([&] { return cat("log ", quoted(name_)); },
                   [&] { return open_log(DirFd(open_directory(place.directory)), place.name); });
  if (::ftruncate(file_.get(), 0) < 0) throw Error::from_errno(cat("empty log ", quoted(name_)));
}

// Somebody else may empty the file, too.
int KubernetesLog::try_write(std::string_view lines) {
  struct stat st{};
  if (::fstat(file_.get(), &st) < 0) return errno;
  const auto size = static_cast<std::uint64_t>(st.st_size);
  if (size > 0 && size + lines.size() > limit_ && ::ftruncate(file_.get(), 0) < 0) return errno;
  return append_whole(file_.get(), lines).err;
}

void KubernetesLog::write(std::string_view lines) {
  const int err = try_write(lines);
  if (err == 0) return;
  // On a disk that is almost full short lines get through, and an app must not fill the caller's journal instead.
  const auto now = std::chrono::steady_clock::now();
  if (said_ && now - *said_ < kBetweenNotes) return;
  said_ = now;
  say_(cat("log ", quoted(name_), " cannot be written: ", error_text(err), "; it lacks what comes until it can"));
}

}  // namespace rkt::native
