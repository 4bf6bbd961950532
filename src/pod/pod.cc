// SPDX-License-Identifier: Apache-2.0
#include "pod/pod.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/strings.h"
#include "sys/file.h"

namespace rkt::pod {
namespace {

constexpr std::size_t kManifestLimit = std::size_t{16} << 20;

// What a pod in one place is, by whether somebody holds its lock. In the order in which it passes through them.
struct Place {
  State unlocked, locked;
  std::string_view name() const { return state_place(unlocked); }
};
constexpr std::array<Place, 6> kPlaces = {{{State::embryo, State::embryo},
                                           {State::aborted_prepare, State::preparing},
                                           {State::prepared, State::prepared},
                                           {State::exited, State::running},
                                           {State::exited_garbage, State::exited_deleting},
                                           {State::garbage, State::deleting}}};

// nullopt: it was renamed between the look and the lock test, so the answer belongs to neither state.
std::optional<State> state_at(const Pods& pods, const Place& place, const Uuid& id, const DirFd& dir) {
  if (place.locked == place.unlocked) return place.locked;
  if (is_locked(dir)) return place.locked;
  if (!pods.holds(place.name(), id, dir)) return std::nullopt;
  return place.unlocked;
}

TimePoint to_time(const timespec& t) {
  return TimePoint(std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec));
}

std::optional<TimePoint> modified(const DirFd& dir, const char* name) {
  struct stat st{};
  if (::fstatat(dir.get(), name, &st, AT_SYMLINK_NOFOLLOW) < 0) return std::nullopt;
  return to_time(st.st_mtim);
}

// A number in a small file that a pod may have written: whatever else is there counts as absent.
std::optional<int> small_number(int fd) {
  struct stat st{};
  if (::fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) return std::nullopt;
  char buf[32];
  const ssize_t n = ::pread(fd, buf, sizeof buf, 0);
  if (n <= 0 || n == static_cast<ssize_t>(sizeof buf)) return std::nullopt;
  return parse_int<int>(trim({buf, static_cast<std::size_t>(n)}));
}

}  // namespace

std::optional<Pod> Pod::find(const Pods& pods, const Uuid& id) {
  if (!pods.there()) return std::nullopt;
  const std::string name = id.str();
  for (;;) {
    bool moved = false;
    for (const auto& place : kPlaces) {
      auto dir = pods.dir(place.name()).find_sub(name);
      if (!dir) continue;
      const auto state = state_at(pods, place, id, *dir);
      if (!state) {
        moved = true;
        break;
      }
      Pod pod;
      pod.id_ = id;
      pod.state_ = *state;
      pod.dir_ = std::move(*dir);
      return pod;
    }
    if (!moved) return std::nullopt;  // a pod moves at most five times, so this ends
  }
}

Pod Pod::open(const Pods& pods, const Uuid& id) {
  auto pod = find(pods, id);
  if (!pod) throw Error(Errc::not_found, cat("no matches found for ", quoted(id.str())));
  return std::move(*pod);
}

void Pod::refresh(const Pods& pods) {
  auto now = find(pods, id_);
  if (now)
    *this = std::move(*now);
  else
    state_ = State::gone;
}

std::string Pod::path(const Pods& pods) const { return cat(pods.path(state_place(state_)), "/", id_.str()); }

std::string Pod::manifest_bytes() const { return read_file(dir_, "pod", kManifestLimit); }

appc::PodManifest Pod::manifest() const { return appc::parse_pod_manifest(manifest_bytes()); }

std::optional<appc::ImageManifest> Pod::image_manifest(const std::string& app) const {
  const auto text = find_file_text(dir_, cat("appsinfo/", app, "/manifest"), kManifestLimit);
  if (!text) return std::nullopt;
  return appc::parse_image_manifest(*text);
}

std::optional<TimePoint> Pod::created() const {
  if (state_ != State::prepared && state_ != State::running && !is_after_run(state_)) return std::nullopt;
  if (const auto t = modified(dir_, "pod-created")) return t;
  return modified(dir_, "pod");
}

std::optional<TimePoint> Pod::started() const {
  if (const auto t = modified(dir_, "pid")) return t;
  return modified(dir_, "ppid");
}

std::optional<TimePoint> Pod::gc_marked() const {
  if (state_place(state_) != "garbage" && state_place(state_) != "exited-garbage") return std::nullopt;
  return changed();
}

TimePoint Pod::changed() const {
  struct stat st{};
  if (::fstat(dir_.get(), &st) < 0) throw Error::from_errno("stat a pod directory");
  return to_time(st.st_ctim);
}

std::optional<int> Pod::pid() const {
  for (const char* name : {"pid", "ppid"}) {
    const auto fd = dir_.find_file(name, O_RDONLY | O_NONBLOCK);
    if (!fd) continue;
    const auto n = small_number(fd->get());
    if (n && *n > 0) return n;
  }
  return std::nullopt;
}

std::optional<std::string> Pod::stage1_tree() const {
  const auto text = find_file_text(dir_, "stage1TreeStoreID", 4096);
  if (!text) return std::nullopt;
  const std::string id(trim(*text));
  if (id.empty() || id[0] == '.' || id.find('/') != std::string::npos)
    throw Error(Errc::invalid, cat("bad tree store ID ", quoted(id), " in \"stage1TreeStoreID\""));
  return id;
}

std::optional<DirFd> Pod::stage1_files() const {
  if (!uses_overlay()) return dir_.find_sub("stage1/rootfs");
  const auto tree = stage1_tree();
  if (!tree) return std::nullopt;
  return dir_.find_sub(cat("overlay/", *tree, "/upper"));
}

std::optional<int> Pod::status_number(const std::string& name) const {
  const auto root = stage1_files();
  if (!root) return std::nullopt;
  // The pod could have put a link, a FIFO or a directory there.
  try {
    const auto fd = root->find_in_root(cat("rkt/status/", name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (!fd) return std::nullopt;
    return small_number(fd->get());
  } catch (const Error& e) {
    if (e.sys_errno() == ELOOP || e.sys_errno() == ENXIO) return std::nullopt;
    throw;
  }
}

std::optional<int> Pod::app_exit_code(const std::string& app) const { return status_number(app); }

std::string Pod::app_end_reason(const std::string& app) const {
  return status_number(cat(app, ".oom-killed")).value_or(0) > 0 ? "OOMKilled" : "";
}

std::uint32_t Pod::app_restarts(const std::string& app) const {
  return static_cast<std::uint32_t>(std::max(status_number(cat(app, ".restarts")).value_or(0), 0));
}

bool Pod::supervisor_ready() const {
  const auto root = stage1_files();
  if (!root) return false;
  const auto dir = root->find_in_root("rkt", O_PATH | O_DIRECTORY);
  if (!dir) return false;
  char target[16];
  const ssize_t n = ::readlinkat(dir->get(), "supervisor-status", target, sizeof target);
  return n > 0 && std::string_view(target, static_cast<std::size_t>(n)) == "ready";
}

std::vector<cni::NetInfo> Pod::networks() const {
  const auto text = find_file_text(dir_, "net-info.json");
  if (!text) return {};
  return cni::parse_net_info(*text);
}

}  // namespace rkt::pod
