// SPDX-License-Identifier: Apache-2.0
// Calling the other entry points of a pod's stage1. Programs come from the verified tree in the store, never from a
// copy that the pod could have written.
#pragma once

#include <string>
#include <vector>

#include "stage0/entrypoint.h"
#include "stage0/exec.h"
#include "stage0/stage0.h"
#include "stage0/trees.h"
#include "tree/tree.h"

namespace rkt::stage0 {

/// The program `entrypoint` of the tree, ready for exec: a tree of one layer is used where it is, mounted there when it
/// is a file. One of several layers is mounted, read-only, at POD/stage1/rootfs. The caller must be in a private mount
/// namespace when needs_mount().
Program plan_program(const PodTree& tree, const std::string& pod_path, const std::string& entrypoint);
bool needs_mount(const tree::Tree& tree);

/// An entry point that acts on a running pod (pods §2.6), run to its end.
struct Crossing {
  std::string verb;  ///< "app/start"
  std::vector<std::string> args;
  UniqueFd lock = {};  ///< handed over; the program may close it before it ends
};
/// How it ended.
struct Outcome {
  int status = 0;
  std::string text = {};  ///< of the last line that it wrote, without its name
  /// Throws unless it went well. Its status is nobody's business.
  void require() const;
};
Outcome call_crossing(const store::Store& store, const pod::Pods& pods, pod::Pod& pod, Crossing call, bool debug);

/// How programs that act on a running pod enter it.
std::vector<std::string> enter_environment(const Stage1& stage1, const std::string& pod_path, int leader);

/// In the pod's directory. Returns only by throwing.
[[noreturn]] void exec_in_pod(const Program& program, const std::string& pod_path);

/// Runs a program to its end as a child in the pod's directory. Throws `exit status N` when it fails.
void run_program(const Program& program, const std::string& pod_path, bool with_output);

}  // namespace rkt::stage0
