// SPDX-License-Identifier: Apache-2.0
// What a stage1 image offers and how it is called (docs/devel/stage1-interface.md; reference: pods §2). Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "schema/appc/image_manifest.h"
#include "schema/appc/pod_manifest.h"
#include "stage0/stage0.h"

namespace rkt::stage0 {

class Stage1 {
 public:
  /// Throws when the interface version is no number.
  explicit Stage1(appc::ImageManifest manifest);
  /// From POD/stage1/manifest, which prepare() wrote from the verified image.
  static Stage1 of(const DirFd& pod);
  int interface_version() const noexcept { return version_; }
  /// It has the entry points to change a running pod (pods §2.1).
  bool takes_mutable_pods() const;
  /// Whether it takes an argument that the reference's contract does not have.
  bool takes(std::string_view option) const;
  /// Throws when the app asks for a separation that this stage1 would not give it (`--pid=private`).
  void check_app(const appc::RuntimeApp& app) const;
  /// What the pod or its apps are asked for with annotations that this stage1 does not know, a warning each.
  std::vector<std::string> unheeded(const appc::PodManifest& pod) const;
  /// Arguments of `stop` and `app/stop` before the last. Throws where this stage1 does not take them.
  std::vector<std::string> stop_args(const StopRequest& request) const;
  /// Path in the image for "run", "enter", "gc", "stop", "app/add", … Throws Errc::not_found: entrypoint "coreos.com/…"
  /// not found.
  const std::string& entrypoint(std::string_view verb) const;
  /// The same for what a stage1 need not have. Throws Errc::unsupported: WHAT not implemented for pod's stage1: ….
  const std::string& entrypoint_for(std::string_view what, std::string_view verb) const;

 private:
  appc::ImageManifest manifest_;
  int version_ = 1;
};

/// Those of --net, or the default.
cni::NetList networks_of(const RunOptions& options);
/// What of a run is passed by argument. `warnings`: options that this stage1 is too old for.
struct RunCall {
  std::vector<std::string> args;  ///< without argv[0]; the last is the UUID
  std::vector<std::string> warnings;
  void add_option(std::string option) { args.insert(args.end() - 1, std::move(option)); }
};
RunCall plan_run_args(const Stage1& stage1, const RunOptions& options, const std::optional<std::string>& dns_conf_mode,
                      const std::optional<std::string>& private_users, const Uuid& id);
std::vector<std::string> plan_gc_args(int interface_version, bool debug, const std::string& local_config,
                                      const Uuid& id);

}  // namespace rkt::stage0
