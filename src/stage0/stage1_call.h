// SPDX-License-Identifier: Apache-2.0
// How stage1 is called: entry points, arguments, environment (docs/devel/stage1-interface.md; reference: pods §2). Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "schema/appc/image_manifest.h"
#include "stage0/stage0.h"

namespace rkt::stage0 {

/// What the annotations of a stage1 image say.
class Stage1 {
 public:
  explicit Stage1(const appc::ImageManifest& manifest);  ///< throws when the interface version is no number
  int interface_version() const noexcept { return interface_; }
  /// `run`, `enter`, `gc`, `stop`, …; an absolute path inside the image. Throws `entrypoint "coreos.com/rkt/stage1/…" not found`.
  std::string entrypoint(const std::string& name) const;

 private:
  std::vector<appc::Annotation> annotations_;
  int interface_ = 1;
};

enum class FileMode { leave /* default */, host, stage0, none };
/// What becomes of resolv.conf and hosts (networking §8.2). Throws "error with dns flags: …".
struct DnsPlan {
  FileMode resolv = FileMode::leave, hosts = FileMode::leave;
  std::string resolv_conf, hosts_file;   ///< text, for mode stage0; hosts_file without the fallback before it
};
DnsPlan plan_dns(const RunOptions& options);

/// Arguments of `run` behind argv[0], the UUID last. `warnings`: options that this stage1 is too old for.
std::vector<std::string> plan_run_args(const Stage1& stage1, const RunOptions& options, const DnsPlan& dns, const std::string& uuid,
                                       std::vector<std::string>& warnings);

/// From the caller's environment ("K=V" each), what a stage1 may see: PATH, TERM, LANG, LC_*, LISTEN_*, NOTIFY_SOCKET, RKT_*.
std::vector<std::string> stage1_environment(const std::vector<std::string>& own);

}  // namespace rkt::stage0
