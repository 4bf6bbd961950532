// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/launch.h"

#include <sched.h>
#include <sys/mman.h>

#include "base/error.h"
#include "sys/ns.h"

namespace rkt::native {

FaultPage::FaultPage(std::size_t slots) : size_(slots * sizeof(AppFault)) {
  void* p = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) throw Error::from_errno("map memory that children share");
  slots_ = static_cast<AppFault*>(p);
}

FaultPage::~FaultPage() { ::munmap(slots_, size_); }

ExecStrings::ExecStrings(std::vector<std::string> strings) : strings_(std::move(strings)) {
  for (auto& s : strings_) pointers_.push_back(s.data());
  pointers_.push_back(nullptr);
}

pid_t launch(const LaunchRequest& r, AppFault& fault) {
  fault = {.step = AppStep::none, .err = 0};
  const ExecStrings argv(r.argv), env(r.env);
  sock_fprog filter{};
  std::vector<sock_filter> code;
  if (r.confinement.filter) {
    code = *r.confinement.filter;  // sock_fprog's pointer is not to const
    filter = {.len = static_cast<unsigned short>(code.size()), .filter = code.data()};
  }
  const AppChildPlan plan{.fault = &fault,
                          .join = r.entry.join,
                          .joins = r.entry.joins,
                          .new_cgroup_namespace = r.new_cgroup_namespace,
                          .root = r.root.empty() ? nullptr : r.root.c_str(),
                          .stdio = {r.stdio[0], r.stdio[1], r.stdio[2]},
                          .controlling_terminal = r.controlling_terminal,
                          .proc = r.proc,
                          .oom_score = r.oom_score != nullptr ? r.oom_score->c_str() : nullptr,
                          .directory = r.directory.c_str(),
                          .uid = r.uid,
                          .gid = r.gid,
                          .groups = r.groups.data(),
                          .group_count = r.groups.size(),
                          .caps = r.confinement.caps,
                          .no_new_privs = r.confinement.no_new_privs,
                          .filter = r.confinement.filter ? &filter : nullptr,
                          .gate = {r.gate[0], r.gate[1]},
                          .exe = argv.front(),
                          .argv = argv.get(),
                          .envp = env.get()};
  const NewProcess child = clone_process(r.root.empty() ? 0 : CLONE_NEWNS, r.entry.into);
  if (child.pid == 0) app_child(plan);
  return child.pid;
}

}  // namespace rkt::native
