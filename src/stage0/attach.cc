// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "stage0/call.h"
#include "stage0/leader.h"
#include "stage0/mounts.h"
#include "stage0/stage0.h"

namespace rkt::stage0 {

[[noreturn]] void attach(const store::Store& store, const pod::Pods& pods, const Uuid& id,
                         const std::vector<std::string>& args) {
  auto pod = pod::Pod::open(pods, id);
  in_context([] { return std::string("attach failed"); },
             [&] {
               const Stage1 stage1 = Stage1::of(pod.dir());
               const std::string entrypoint =
                   in_context([] { return std::string("\"attach\" not implemented for pod's stage1"); },
                              [&] { return stage1.entrypoint("attach"); });
               const PodTree tree = open_stage1_tree(store, pod);
               const int leader = wait_for_leader(pods, pod);
               const std::string path = pod.path(pods);
               if (needs_mount(tree.tree)) enter_private_mounts();
               Program program = plan_program(tree, path, entrypoint);
               program.argv.insert(program.argv.end(), args.begin(), args.end());
               program.env.push_back(cat("RKT_STAGE1_ENTERCMD=", path, "/stage1/rootfs", stage1.entrypoint("enter")));
               program.env.push_back(cat("RKT_STAGE1_ENTERPID=", leader));
               if (::fchdir(DirFd::open(path).get()) < 0) throw Error::from_errno(cat("change to ", quoted(path)));
               exec_program(program);
             });
  ::_exit(254);  // never reached: the body above does not return
}

}  // namespace rkt::stage0
