// SPDX-License-Identifier: Apache-2.0
#include "stage0/call.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "stage0/leader.h"
#include "stage0/mounts.h"
#include "sys/file.h"
#include "sys/spawn.h"

namespace rkt::stage0 {
namespace {

constexpr std::size_t kMaxOutput = std::size_t{1} << 16;
constexpr std::string_view kSaid = "stage1: ";  // what begins so is for who asked, even if all went well

}  // namespace

bool needs_mount(const tree::Tree& tree) { return tree.lowers.size() > 1 || !tree::files_mounted(tree); }

Program plan_program(const PodTree& pod_tree, const std::string& pod_path, const std::string& entrypoint) {
  const tree::Tree& tree = pod_tree.tree;
  std::string root = tree.lowers.front();
  mount_files(pod_tree);
  if (tree.lowers.size() > 1) {
    root = cat(pod_path, "/stage1/rootfs");
    attach(tree::mount_read_only(tree), DirFd::open(root).get(), "the tree of stage1");
  }
  return {.path = program_path(DirFd::open(root), entrypoint),
          .argv = {cat(root, entrypoint.starts_with('/') ? "" : "/", entrypoint)},
          .env = plain_environment(own_environment())};
}

std::vector<std::string> enter_environment(const Stage1& stage1, const std::string& pod_path, int leader) {
  return {cat("RKT_STAGE1_ENTERCMD=", pod_path, "/stage1/rootfs", stage1.entrypoint("enter")),
          cat("RKT_STAGE1_ENTERPID=", leader)};
}

[[noreturn]] void exec_in_pod(const Program& program, const std::string& pod_path) {
  if (::fchdir(DirFd::open(pod_path).get()) < 0) throw Error::from_errno(cat("change to ", quoted(pod_path)));
  exec_program(program);
}

void Outcome::require() const {
  if (status != 0) throw Error(Errc::system, text.empty() ? cat("exit status ", status) : text);
}

Outcome call_crossing(const store::Store& store, const pod::Pods& pods, pod::Pod& pod, Crossing call, bool debug) {
  const Stage1 stage1 = Stage1::of(pod.dir());
  const std::string& entrypoint = stage1.entrypoint_for(quoted(call.verb), call.verb);
  // The caller may be in the pod's mount namespace, where the tree is mounted and no mounts are kept.
  const PodTree tree{.tree = tree::open(store, pod.stage1_tree().value_or(""), {.old_ones = true}), .kept = {}};
  const int leader = wait_for_leader(pods, pod);
  std::optional<MountScope> scope;
  if (needs_mount(tree.tree)) scope.emplace();
  const std::string path = pod.path(pods);
  Program program = plan_program(tree, path, entrypoint);
  program.argv.push_back(cat("--debug=", debug ? "true" : "false"));
  program.argv.insert(program.argv.end(), call.args.begin(), call.args.end());
  std::ranges::move(enter_environment(stage1, path, leader), std::back_inserter(program.env));
  if (call.lock) program.env.push_back("RKT_APPS_LOCK_FD=3");
  const DirFd dir = DirFd::open(path);
  Pipe output = Pipe::make();
  Child child = Child::spawn({.exe = program.path,
                              .argv = program.argv,
                              .env = program.env,
                              .out = output.write_end.get(),
                              .err = output.write_end.get(),
                              .fds = call.lock ? std::vector{call.lock.get()} : std::vector<int>(),
                              .cwd_fd = dir.get()});
  call.lock.reset();
  output.write_end.reset();
  const std::string text = read_all(output.read_end.get(), "the output of stage1", kMaxOutput);
  const ExitStatus status = child.wait();
  if (debug && !text.empty()) log::debug("stage0", trim(text));
  if (status.ok()) {
    for (const auto line : split(debug ? std::string_view() : text, '\n'))
      if (line.starts_with(kSaid)) log::note("stage1", line.substr(kSaid.size()));
    return {};
  }
  // "NAME: what went wrong"
  std::string_view last = trim(text);
  if (const auto line = last.rfind('\n'); line != std::string_view::npos) last.remove_prefix(line + 1);
  if (const auto colon = last.find(": "); colon != std::string_view::npos) last.remove_prefix(colon + 2);
  return {.status = status.shell(), .text = std::string(last)};
}

void run_program(const Program& program, const std::string& pod_path, bool with_output) {
  const DirFd pod = DirFd::open(pod_path);
  UniqueFd null;
  if (!with_output) {
    null.reset(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    if (!null) throw Error::from_errno("open \"/dev/null\"");
  }
  Child child = Child::spawn(
      {.exe = program.path, .argv = program.argv, .env = program.env, .out = null.get(), .cwd_fd = pod.get()});
  const ExitStatus status = child.wait();
  if (status.signal != 0) throw Error(Errc::system, cat("ended by signal ", status.signal));
  if (status.code != 0) throw Error(Errc::system, cat("exit status ", status.code));
}

}  // namespace rkt::stage0
