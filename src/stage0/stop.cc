// SPDX-License-Identifier: Apache-2.0
#include "stage0/call.h"
#include "stage0/mounts.h"
#include "stage0/stage0.h"

namespace rkt::stage0 {

void stop(const store::Store& store, const pod::Pods& pods, const Uuid& id, const StopRequest& request) {
  const auto pod = pod::Pod::open(pods, id);
  const Stage1 stage1 = Stage1::of(pod.dir());
  const std::string& entrypoint = stage1.entrypoint_for("rkt stop", "stop");
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
