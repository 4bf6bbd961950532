// SPDX-License-Identifier: Apache-2.0
// Pods on disk: state = place below DATA/pods + flock on the pod directory (docs/devel/pod-lifecycle.md; reference:
// pods §1).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/uuid.h"
#include "schema/appc/pod_manifest.h"
#include "schema/cni/network.h"
#include "sys/dir.h"
#include "sys/lock.h"

namespace rkt::pod {

enum class State : std::uint8_t {
  embryo,
  preparing,
  aborted_prepare,
  prepared,
  running,
  exited,
  exited_garbage,
  exited_deleting,
  garbage,
  deleting,
  gone
};
std::string_view state_name(State s);   ///< as printed: "exited garbage", …
std::string_view state_place(State s);  ///< the directory below DATA/pods: "exited-garbage", …; "" when gone
bool is_finished(State s);              ///< for --wait: exited, exited garbage, aborted prepare, garbage, gone
bool is_after_run(State s);

using TimePoint = std::chrono::sys_time<std::chrono::nanoseconds>;

/// DATA/pods. Makes the six state directories (0750) on first use.
class Pods {
 public:
  /// Makes the places of pods; where the caller may not, and there are none, there are no pods.
  static Pods open(const std::string& data);
  /// UUIDs in prepare, prepared, run, exited-garbage; sorted. Strays are reported through `skipped`.
  std::vector<Uuid> list(std::vector<std::string>& skipped) const;
  /// UUIDs in one place; strays are left out.
  std::vector<Uuid> list_place(std::string_view place) const;
  /// The file `name` of every pod that has one and is beyond embryo: what pods have reserved.
  std::vector<std::string> texts(const std::string& name) const;
  /// The name of a pod (name.h), a UUID, or an unambiguous prefix of one. Throws "no matches found for …", "ambiguous
  /// uuid, N matches", "UUID cannot be empty".
  Uuid resolve(std::string_view text) const;
  const DirFd& dir(std::string_view place) const;  ///< "run", "prepared", …
  std::string path(std::string_view place) const;  ///< DATA/pods/PLACE
  /// Whether `dir` is (still) the directory of this pod in that place.
  bool holds(std::string_view place, const Uuid& id, const DirFd& dir) const;
  bool empty() const;  ///< no pod in any place, embryos aside
  bool there() const noexcept { return !dirs_.empty(); }
  const std::string& data() const noexcept { return data_; }

 private:
  std::string data_;
  std::vector<DirFd> dirs_;
};

/// A pod as it is right now; holds its directory open. Reading needs no lock: files are replaced by rename.
class Pod {
 public:
  static Pod open(const Pods& pods, const Uuid& id);  ///< throws Errc::not_found
  static std::optional<Pod> find(const Pods& pods, const Uuid& id);
  const Uuid& id() const noexcept { return id_; }
  State state() const noexcept { return state_; }
  void refresh(const Pods& pods);  ///< looks again; gone is a state
  const DirFd& dir() const noexcept { return dir_; }
  std::string path(const Pods& pods) const;  ///< absolute path in its present place

  appc::PodManifest manifest() const;
  std::string manifest_bytes() const;
  std::string name() const;  ///< of --pod-name, or ""; name.h
  std::optional<appc::ImageManifest> image_manifest(const std::string& app) const;
  std::optional<TimePoint> created() const, started() const, gc_marked() const;
  TimePoint changed() const;       ///< change time of the directory: when it was renamed last
  std::optional<int> pid() const;  ///< pid file, else ppid
  std::optional<int> app_exit_code(
      const std::string& app) const;  ///< rkt/status/APP; size-limited, never following links
  /// Why the app ended as it did, as stage1 left it beside that: "OOMKilled" (rkt/status/APP.oom-killed), else "".
  std::string app_end_reason(const std::string& app) const;
  std::uint32_t app_restarts(const std::string& app) const;  ///< how often it was started again (APP.restarts)
  bool supervisor_ready() const;                             ///< rkt/supervisor-status says "ready"
  std::vector<cni::NetInfo> networks() const;
  bool uses_overlay() const { return dir_.exists("overlay-prepared"); }
  /// stage1TreeStoreID; nullopt: preparation did not get that far. Throws when it is no name of a tree.
  std::optional<std::string> stage1_tree() const;
  /// Where the files that stage1 writes below its root can be read while nothing is mounted. What lies below is the
  /// pod's: resolve in root, bound sizes.
  std::optional<DirFd> stage1_files() const;

 private:
  Pod() = default;
  std::optional<int> status_number(const std::string& name) const;
  Uuid id_;
  State state_ = State::gone;
  DirFd dir_;
};

}  // namespace rkt::pod
