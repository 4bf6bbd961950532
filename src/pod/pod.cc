// SPDX-License-Identifier: Apache-2.0
#include "pod/pod.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/error.h"
#include "base/strings.h"
#include "sys/file.h"

namespace rkt::pod {
namespace {

// In the order in which a pod goes through them: a concurrent rename cannot hide a pod from a look in this order.
constexpr std::array<std::string_view, 6> kPlaces = {"embryo", "prepare", "prepared", "run", "exited-garbage", "garbage"};
// Where a UUID argument is looked for.
constexpr std::array<std::string_view, 4> kResolvable = {"prepare", "prepared", "run", "exited-garbage"};
constexpr std::size_t kMaxStatus = 64;

std::size_t place_index(std::string_view place) {
  const auto it = std::find(kPlaces.begin(), kPlaces.end(), place);
  if (it == kPlaces.end()) throw Error(Errc::bug, cat("no pod state directory is called ", quoted(place)));
  return static_cast<std::size_t>(it - kPlaces.begin());
}

State state_at(std::string_view place, const DirFd& dir) {
  if (place == "embryo") return State::embryo;
  if (place == "prepared") return State::prepared;
  const bool locked = is_locked(dir);
  if (place == "prepare") return locked ? State::preparing : State::aborted_prepare;
  if (place == "run") return locked ? State::running : State::exited;
  if (place == "exited-garbage") return locked ? State::exited_deleting : State::exited_garbage;
  return locked ? State::deleting : State::garbage;
}

TimePoint to_time(const timespec& t) { return TimePoint(std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec)); }

std::optional<TimePoint> modified(const DirFd& dir, const char* name) {
  struct stat st{};
  if (::fstatat(dir.get(), name, &st, AT_SYMLINK_NOFOLLOW) < 0) return std::nullopt;
  return to_time(st.st_mtim);
}

std::optional<int> number_in(const DirFd& dir, const std::string& name, std::size_t limit) {
  try {
    const auto fd = dir.find_file(name, O_RDONLY | O_NONBLOCK);  // a FIFO planted by an app must not block
    if (!fd) return std::nullopt;
    return parse_int<int>(trim(read_all(fd->get(), name, limit)));
  } catch (const Error&) {
    return std::nullopt;  // what an app may have put there instead of a number is no status
  }
}

}  // namespace

std::string_view state_name(State s) {
  switch (s) {
    case State::embryo: return "embryo";
    case State::preparing: return "preparing";
    case State::aborted_prepare: return "aborted prepare";
    case State::prepared: return "prepared";
    case State::running: return "running";
    case State::exited: return "exited";
    case State::exited_garbage: return "exited garbage";
    case State::exited_deleting: return "exited deleting";
    case State::garbage: return "garbage";
    case State::deleting: return "deleting";
    case State::gone: return "gone";
  }
  return "";
}

bool is_finished(State s) {
  return s == State::exited || s == State::exited_garbage || s == State::aborted_prepare || s == State::garbage || s == State::gone;
}

bool is_after_run(State s) {
  return s == State::exited || s == State::exited_garbage || s == State::exited_deleting || s == State::garbage || s == State::deleting;
}

Pods Pods::open(const std::string& data) {
  Pods pods;
  pods.data_ = data;
  const std::string top = cat(data, "/pods");
  for (const auto place : kPlaces) {
    auto dir = DirFd::find(cat(top, "/", place));
    pods.dirs_.push_back(dir ? std::move(*dir) : make_dirs(cat(top, "/", place), 0750));
  }
  return pods;
}

const DirFd& Pods::dir(std::string_view state) const { return dirs_[place_index(state)]; }

std::vector<Uuid> Pods::list(std::vector<std::string>& skipped) const {
  std::set<Uuid> found;
  for (const auto place : kResolvable) {
    for (const auto& name : dir(place).names()) {
      const auto id = Uuid::parse(name);
      if (id && id->str() == name)
        found.insert(*id);
      else
        skipped.push_back(name);
    }
  }
  return {found.begin(), found.end()};
}

Uuid Pods::resolve(std::string_view text) const {
  return in_context([] { return std::string("unable to resolve UUID"); }, [&] {
    if (text.empty()) throw Error(Errc::usage, "UUID cannot be empty");
    const std::string prefix = lower(text);
    std::set<std::string> matches;
    for (const auto place : kResolvable)
      for (const auto& name : dir(place).names())
        if (name.starts_with(prefix)) matches.insert(name);
    if (matches.empty()) throw Error(Errc::not_found, cat("no matches found for ", quoted(text)));
    if (matches.size() > 1) throw Error(Errc::usage, cat("ambiguous uuid, ", matches.size(), " matches"));
    const auto id = Uuid::parse(*matches.begin());
    if (!id) throw Error(Errc::invalid, cat("bad UUID ", quoted(*matches.begin())));
    return *id;
  });
}

std::optional<Pod> Pod::find(const Pods& pods, const Uuid& id) {
  Pod pod;
  pod.id_ = id;
  for (const auto place : kPlaces) {
    auto dir = pods.dir(place).find_sub(id.str());
    if (!dir) continue;
    pod.state_ = state_at(place, *dir);
    pod.dir_ = std::move(*dir);
    return pod;
  }
  return std::nullopt;
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

std::string Pod::path(const Pods& pods) const {
  for (const auto place : kPlaces)
    if (pods.dir(place).exists(id_.str())) return cat(pods.data(), "/pods/", place, "/", id_.str());
  throw Error(Errc::not_found, cat("pod ", quoted(id_.str()), " is gone"));
}

std::string Pod::manifest_bytes() const { return read_file(dir_, "pod"); }

appc::PodManifest Pod::manifest() const {
  return in_context([&] { return cat("unable to read pod ", id_.str(), " manifest"); }, [&] { return appc::parse_pod_manifest(manifest_bytes()); });
}

std::optional<appc::ImageManifest> Pod::image_manifest(const std::string& app) const {
  const auto text = find_file_text(dir_, cat("appsinfo/", app, "/manifest"), std::size_t{4} << 20);
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
  if (state_ != State::garbage && state_ != State::exited_garbage) return std::nullopt;
  struct stat st{};
  if (::fstat(dir_.get(), &st) < 0) return std::nullopt;
  return to_time(st.st_ctim);
}

std::optional<int> Pod::pid() const {
  if (const auto n = number_in(dir_, "pid", kMaxStatus)) return n;
  return number_in(dir_, "ppid", kMaxStatus);
}

std::optional<int> Pod::app_exit_code(const std::string& app) const {
  std::string root = "stage1/rootfs";
  // With overlay the upper directory is read: it is there after the mount is gone.
  if (dir_.exists("overlay-prepared"))
    if (const auto tree = find_file_text(dir_, "stage1TreeStoreID", 256)) root = cat("overlay/", trim(*tree), "/upper");
  try {
    // Everything below is writable by the pod: it is resolved inside it.
    const auto base = dir_.find_sub(root);
    if (!base) return std::nullopt;
    const auto status = base->find_in_root("rkt/status", O_PATH | O_DIRECTORY);
    if (!status) return std::nullopt;
    return number_in(DirFd(dup_fd(status->get())), app, kMaxStatus);
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::vector<cni::NetInfo> Pod::networks() const {
  if (state_ != State::running && state_ != State::exited) return {};
  const auto text = find_file_text(dir_, "net-info.json");
  return text ? cni::parse_net_info(*text) : std::vector<cni::NetInfo>();
}

}  // namespace rkt::pod
