// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "base/error.h"
#include "base/strings.h"
#include "stage0/call.h"
#include "stage0/leader.h"
#include "stage0/mounts.h"
#include "stage0/pod_mounts.h"
#include "stage0/stage0.h"

namespace rkt::stage0 {

[[noreturn]] void attach(const store::Store& store, const pod::Pods& pods, const Uuid& id,
                         const std::vector<std::string>& args) {
  auto pod = pod::Pod::open(pods, id);
  in_context([] { return std::string("attach failed"); },
             [&] {
               const Stage1 stage1 = Stage1::of(pod.dir());
               const std::string& entrypoint = stage1.entrypoint_for("\"attach\"", "attach");
               const PodTree tree = open_stage1_tree(store, pod);
               const int leader = wait_for_leader(pods, pod);
               const std::string path = pod.path(pods);
               std::optional<MountScope> scope;
               enter_pod_mounts(scope, pod, path);
               if (needs_mount(tree.tree)) enter_private_mounts();
               Program program = plan_program(tree, path, entrypoint);
               program.argv.insert(program.argv.end(), args.begin(), args.end());
               std::ranges::move(enter_environment(stage1, path, leader), std::back_inserter(program.env));
               exec_in_pod(program, path);
             });
  ::_exit(254);  // never reached: the body above does not return
}

}  // namespace rkt::stage0
