// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/launch.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "base/error.h"
#include "base/strings.h"
#include "stage1/native/plan.h"
#include "stage1/native/running.h"
#include "sys/exec.h"
#include "sys/file.h"
#include "sys/ns.h"
#include "sys/rootless.h"
#include "sys/seccomp.h"

namespace rkt::native {
namespace {

std::uint64_t random_number() {
  std::array<std::uint8_t, 8> bytes{};
  fill_random(bytes);
  std::uint64_t out = 0;
  std::memcpy(&out, bytes.data(), sizeof out);
  return out;
}

bool is_own_child(pid_t pid) {
  siginfo_t info{};
  return pid > 0 && ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

// The process that went inside, once the one that let it has ended.
pid_t wait_for_inside(pid_t pid, const AppFault& fault) {
  while (::waitpid(pid, nullptr, 0) < 0)
    if (errno != EINTR) throw Error::from_errno("wait for a process to start");
  if (const pid_t inside = fault.inside; inside != 0 && is_own_child(inside)) return inside;
  if (fault.step == AppStep::none) throw Error(Errc::system, "the process was killed while it started");
  throw Error::from_errno(describe(fault.step), fault.err).exit_with(status_of(fault.step));
}

}  // namespace

FaultPage::FaultPage(std::size_t slots) : size_(slots * sizeof(AppFault)) {
  void* p = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) throw Error::from_errno("map memory that children share");
  slots_ = static_cast<AppFault*>(p);
}

FaultPage::~FaultPage() { ::munmap(slots_, size_); }

std::string fault_text(const AppFault& fault) { return cat(describe(fault.step), ": ", error_text(fault.err)); }

// The field of the record is read once.
pid_t find_inside(pid_t init, const AppPlan& app, const AppFault& fault) {
  pid_t pid = fault.inside;
  if (app.own_processes) {
    const auto process = find_in_pod(init, pid);
    pid = process ? process->pid : 0;
  }
  return pid != init && is_own_child(pid) ? pid : 0;
}

UniqueFd open_oom_score(int proc) {
  UniqueFd fd(::openat(proc, "self/oom_score_adj", O_RDWR | O_CLOEXEC));
  if (!fd) throw Error::from_errno("open \"self/oom_score_adj\"");
  return fd;
}

UniqueFd child_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  UniqueFd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) throw Error::from_errno("watch for children");
  return fd;
}

namespace {

// The app's own /dev/null: the host's node would let root in the pod change its mode. Where a volume lies over /dev and
// has none, a pipe without another end does: it is empty, and refuses what is written.
UniqueFd null_stream(const std::string& root, int flags) {
  UniqueFd fd(::open(cat(root, "/dev/null").c_str(), flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat st{};
  if (fd && ::fstat(fd.get(), &st) == 0 && S_ISCHR(st.st_mode)) return fd;
  Pipe pipe = Pipe::make();
  return flags == O_RDONLY ? std::move(pipe.read_end) : std::move(pipe.write_end);
}

}  // namespace

void fill_with_null(AppStdio& stdio, const std::string& root) {
  if (!stdio.in) stdio.in = null_stream(root, O_RDONLY);
  for (UniqueFd* out : {&stdio.out, &stdio.err})
    if (!*out) *out = null_stream(root, O_WRONLY);
}

namespace {

constexpr std::string_view kListenPid = "LISTEN_PID=";

// LISTEN_PID is last, with room for the number, which only the child knows.
std::vector<std::string> environment_of(const LaunchRequest& r) {
  std::vector<std::string> out = r.env;
  if (r.sockets == nullptr || r.sockets->empty()) return out;
  std::vector<std::string> names;
  for (const auto& s : *r.sockets) names.push_back(s.name);
  set_variable(out, "LISTEN_FDS", cat(names.size()));
  set_variable(out, "LISTEN_FDNAMES", rkt::join(names, ":"));
  set_variable(out, "LISTEN_PID", std::string(kLongestPid + 1, '\0'));
  return out;
}

// Then nothing is set: the kernel refuses even that where fs.nr_open was lowered since.
bool is_own_limit(const rlimit& descriptors) {
  rlimit own{};
  return ::getrlimit(RLIMIT_NOFILE, &own) == 0 && own.rlim_cur == descriptors.rlim_cur &&
         own.rlim_max == descriptors.rlim_max;
}

// The plan of a child and everything that it points to.
class ChildPlan {
 public:
  ChildPlan(const LaunchRequest& r, AppFault& fault)
      : argv_(r.argv),
        places_(r.places != nullptr ? *r.places : std::vector<std::string>{}),
        env_(environment_of(r)),
        descriptors_(r.limits != nullptr ? r.limits->resources[RLIMIT_NOFILE] : stage1::descriptor_limit()) {
    if (r.sockets != nullptr) take_sockets(*r.sockets);
    fault = AppFault{};
    const bool own = r.own_processes != nullptr;
    const bool goes_inside = r.pid_namespace >= 0 && !own;
    const std::uint64_t permit = goes_inside ? random_number() : 0;
    if (r.confinement.filter) {
      // A copy: sock_fprog's pointer is not to const.
      code_ = goes_inside ? with_permit(*r.confinement.filter, permit) : *r.confinement.filter;
      filter_ = {.len = static_cast<unsigned short>(code_.size()), .filter = code_.data()};
    }
    plan_ = {.fault = &fault,
             .join = r.entry.join,
             .joins = r.entry.joins,
             .cgroup_namespace = r.cgroup_namespace,
             .root = r.root.empty() ? nullptr : r.root.c_str(),
             .own_processes = own,
             .masks = own ? r.own_processes->data() : nullptr,
             .mask_count = own ? static_cast<int>(r.own_processes->size()) : 0,
             .stdio = {r.stdio[0], r.stdio[1], r.stdio[2]},
             .controlling_terminal = r.controlling_terminal,
             .proc = r.proc,
             .oom_score = r.oom_score != nullptr && r.own_oom_score < 0 ? r.oom_score->c_str() : nullptr,
             .label_file = r.confinement.label ? r.confinement.label->file() : nullptr,
             .label = r.confinement.label ? r.confinement.label->text.c_str() : nullptr,
             .directory = r.directory.c_str(),
             .uid = r.uid,
             .gid = r.gid,
             .groups = r.groups.data(),
             .group_count = r.groups.size(),
             .keeps_groups = known_ids() == Ids::one,
             .caps = r.confinement.caps,
             .no_new_privs = r.confinement.no_new_privs,
             .filter = r.confinement.filter ? &filter_ : nullptr,
             .pid_namespace = r.pid_namespace,
             .user_namespace = r.user_namespace,
             .mounts = r.mounts,
             .namespaces = r.namespaces,
             .arguments = r.mounts >= 0 ? own_arguments().data() : nullptr,
             .arguments_size = r.mounts >= 0 ? own_arguments().size() : 0,
             .permit = permit,
             .sockets = sockets_.data(),
             .socket_count = static_cast<int>(sockets_.size()),
             .listen_pid = sockets_.empty() ? nullptr : env_.back() + kListenPid.size(),
             .gate = {r.gate[0], r.gate[1]},
             .limits = r.limits != nullptr ? r.limits->resources.data() : nullptr,
             .descriptors = is_own_limit(descriptors_) ? nullptr : &descriptors_,
             .argv = argv_.get(),
             .places = r.places != nullptr && !r.places->empty() ? places_.get() : nullptr,
             .envp = env_.get()};
  }
  ChildPlan(ChildPlan&&) = delete;
  const AppChildPlan& get() const noexcept { return plan_; }

 private:
  // Above everything that the child puts somewhere itself.
  void take_sockets(const AppSockets& all) {
    for (const auto& s : all) {
      above_.emplace_back(::fcntl(s.fd.get(), F_DUPFD_CLOEXEC, 4 + static_cast<int>(all.size())));
      if (!above_.back()) throw Error::from_errno("pass a socket on");
      sockets_.push_back(above_.back().get());
    }
  }

  ExecStrings argv_, places_, env_;
  std::vector<UniqueFd> above_;
  std::vector<int> sockets_;
  std::vector<sock_filter> code_;
  sock_fprog filter_{};
  rlimit descriptors_;
  AppChildPlan plan_{};
};

// What a child inherits, for as long as it takes to clone it. Going back needs no permission: this process had it.
class OomScore {
 public:
  explicit OomScore(const LaunchRequest& r) : fd_(r.oom_score != nullptr ? r.own_oom_score : -1) {
    if (fd_ < 0) return;
    char text[16];
    const ssize_t n = ::pread(fd_, text, sizeof text, 0);
    if (n <= 0 || ::pwrite(fd_, r.oom_score->data(), r.oom_score->size(), 0) < 0)
      throw Error::from_errno(describe(AppStep::oom_score));
    before_.assign(text, static_cast<std::size_t>(n));
  }
  ~OomScore() {
    if (fd_ >= 0) (void)!::pwrite(fd_, before_.data(), before_.size(), 0);
  }
  OomScore(OomScore&&) = delete;

 private:
  int fd_;
  std::string before_;
};

}  // namespace

LaunchRequest request_for(const AppPlan& app, const std::vector<std::string>& argv, bool main) {
  return {.argv = argv,
          .places = main ? &app.places : nullptr,
          .env = app.env,
          .directory = app.directory,
          .root = {},
          .uid = main ? app.uid : 0,
          .gid = main ? app.gid : 0,
          .groups = main ? app.groups : std::vector<gid_t>{},
          .confinement = app.confinement,
          .oom_score = app.oom_score ? &*app.oom_score : nullptr,
          .entry = {}};
}

// The kernel puts the environment right behind them, and the program's path behind that.
std::span<char> own_arguments() {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel tells the address as a number
  const char* behind = *environ != nullptr ? *environ : reinterpret_cast<const char*>(::getauxval(AT_EXECFN));
  return {program_invocation_name, behind};
}

pid_t begin_launch(const LaunchRequest& r, AppFault& fault) {
  const ChildPlan plan(r, fault);
  const OomScore score(r);
  std::uint64_t spaces = 0;  // what goes into the pod's makes them there
  if (r.pid_namespace < 0 && !r.root.empty()) spaces |= CLONE_NEWNS;
  if (r.pid_namespace < 0 && r.own_processes != nullptr) spaces |= CLONE_NEWPID;
  const NewProcess child = clone_process(spaces, r.entry.into);
  if (child.pid == 0) app_child(plan.get());
  return child.pid;
}

pid_t launch(const LaunchRequest& r, AppFault& fault) {
  const pid_t child = begin_launch(r, fault);
  return r.pid_namespace >= 0 ? wait_for_inside(child, fault) : child;
}

void become(const LaunchRequest& r, AppFault& fault) {
  const ChildPlan plan(r, fault);
  app_child(plan.get());
}

}  // namespace rkt::native
