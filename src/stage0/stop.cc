// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/strings.h"
#include "stage0/call.h"
#include "stage0/mounts.h"
#include "stage0/stage0.h"

namespace rkt::stage0 {

void stop(const store::Store& store, const pod::Pods& pods, const Uuid& id, const StopRequest& request) {
  const auto pod = pod::Pod::open(pods, id);
  const Stage1 stage1 = Stage1::of(pod.dir());
  std::string entrypoint;
  try {
    entrypoint = stage1.entrypoint("stop");
  } catch (const Error& e) {
    throw Error(Errc::unsupported, cat("rkt stop not implemented for pod's stage1: ", e.cause()));
  }
  auto args = stage1.stop_args(request);
  args.push_back(id.str());
  const PodTree tree = open_stage1_tree(store, pod);
  std::optional<MountScope> scope;
  if (needs_mount(tree.tree)) scope.emplace();
  const std::string path = pod.path(pods);
  Program program = plan_program(tree, path, entrypoint);
  program.argv.insert(program.argv.end(), args.begin(), args.end());
  run_program(program, path, true);
}

}  // namespace rkt::stage0
