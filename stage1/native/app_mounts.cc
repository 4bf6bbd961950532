// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/app_mounts.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "stage1/native/pod.h"
#include "stage1/native/syslog.h"
#include "stage1/native/target.h"
#include "sys/rootless.h"
#include "sys/selinux.h"
#include "sys/userns.h"

namespace rkt::native {
namespace {

using Kind = MountOp::Kind;
using Depth = DetachedMount::Depth;
using Found = DetachedMount::Found;

constexpr std::uint64_t kInert = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

struct Node {
  const char* name;
  unsigned major, minor;
};
constexpr Node kNodes[] = {{"null", 1, 3},   {"zero", 1, 5},    {"full", 1, 7},
                           {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}};
constexpr Node kTun = {"tun", 10, 200};
// Where they are attached, below S1: directories that its root has.
constexpr const char *kProcPlace = "/proc", *kSysPlace = "/sys", *kDevptsPlace = "/dev", *kShmPlace = "/run",
                     *kMqueuePlace = "/tmp";
constexpr std::pair<const char*, const char*> kDevLinks[] = {{"/proc/self/fd", "fd"},
                                                             {"/proc/self/fd/0", "stdin"},
                                                             {"/proc/self/fd/1", "stdout"},
                                                             {"/proc/self/fd/2", "stderr"},
                                                             {"pts/ptmx", "ptmx"}};

mode_t type_of(int fd, std::string_view what) {
  struct stat st{};
  if (::fstat(fd, &st) < 0) throw Error::from_errno(cat("look at ", quoted(what)));
  return st.st_mode & S_IFMT;
}

// In the /dev that was made for the app.
void make_link(const DirFd& root, const MountOp& op) {
  const std::string_view target = op.target;
  const auto slash = target.rfind('/');
  const DirFd dir = root.make_path_in_root(target.substr(0, slash));
  if (::symlinkat(op.source.c_str(), dir.get(), op.target.c_str() + slash + 1) < 0)
    throw Error::from_errno("make the link");
}

DirFd as_directory(const DetachedMount& mount) { return DirFd(dup_fd(mount.fd())); }

void make_node(const DirFd& dir, const Node& node) {
  if (known_ids() != Ids::all) {
    dir.open_file(node.name, O_WRONLY | O_CREAT | O_EXCL, 0644);  // a place for the host's
    return;
  }
  if (::mknodat(dir.get(), node.name, S_IFCHR | 0666, ::makedev(node.major, node.minor)) < 0)
    throw Error::from_errno(cat("make node ", quoted(node.name)));
}

void make_directory(const DirFd& dir, const char* name, mode_t mode) {
  if (::mkdirat(dir.get(), name, mode) < 0) throw Error::from_errno(cat("make directory ", quoted(name)));
}

// Directories that programs expect; a link of that name, wherever it leads, is the image's own business.
void make_usual_directories(const DirFd& root) {
  for (const char* name : {"etc", "run"}) ::mkdirat(root.get(), name, 0755);
  if (::mkdirat(root.get(), "tmp", 0755) == 0) (void)!::fchmodat(root.get(), "tmp", 01777, 0);
}

// Who is root of a user namespace makes no nodes that work: the host's serve.
std::vector<std::pair<std::string, DetachedMount>> nodes_of_host() {
  std::vector<std::pair<std::string, DetachedMount>> out;
  if (known_ids() == Ids::all) return out;
  for (const Node& node : kNodes) out.emplace_back(node.name, DetachedMount::copy(AT_FDCWD, cat("/dev/", node.name)));
  return out;
}

// The nodes live in the same file system as the rest of /dev. Made by the host's root, since nobody else can.
DetachedMount make_dev(uid_t root, const AppMountPlan& app) {
  const FileOwner owner(root);
  const std::string id = cat(root);
  DetachedMount dev =
      DetachedMount::make("tmpfs", {{"mode", "0755"}, {"size", "4m"}, {"uid", id.c_str()}, {"gid", id.c_str()}},
                          MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, app.context);
  const DirFd dir = as_directory(dev);
  for (const Node& node : kNodes) make_node(dir, node);
  for (const auto& [target, name] : kDevLinks)
    if (::symlinkat(target, dir.get(), name) < 0) throw Error::from_errno(cat("make link ", quoted(name)));
  make_directory(dir, "pts", 0755);
  make_directory(dir, "shm", 01777);
  make_directory(dir, "mqueue", 01777);
  make_directory(dir, "net", 0755);
  make_node(dir.sub("net"), kTun);
  if (app.syslog >= 0) bind_syslog(app.syslog, dir);
  return dev;
}

}  // namespace

std::string assembled_root(const AppMountPlan& app) { return cat("/", app_root_in_stage1(app.name)); }

std::vector<ProcMask> proc_masks(const AppMountPlan& app) {
  constexpr std::string_view kBelow = "/proc/";
  std::vector<ProcMask> out;
  for (const auto& op : app.ops)
    if ((op.kind == Kind::hide || op.kind == Kind::read_only) && op.target.starts_with(kBelow))
      out.push_back({.path = op.target.c_str() + kBelow.size(), .hide = op.kind == Kind::hide});
  return out;
}

namespace {

// Who has the host's network shows its /sys too, and may be root of a user namespace alone.
DetachedMount make_sys() {
  try {
    return DetachedMount::make("sysfs", {}, kInert);
  } catch (const Error& e) {
    if (e.sys_errno() != EPERM || known_ids() == Ids::all) throw;
  }
  DetachedMount copy = DetachedMount::copy(AT_FDCWD, "/sys", Depth::recursive);
  copy.isolate();
  copy.restrict(kInert, Depth::recursive);
  return copy;
}

// Who has the host's message queues and is root of a user namespace alone gets them as the host shows them, or an empty
// directory.
DetachedMount make_mqueue(const std::string& context) {
  try {
    DetachedMount own = DetachedMount::make("mqueue", {}, kInert);
    label_file(own.fd(), context);  // it takes no context as an option
    return own;
  } catch (const Error& e) {
    if (e.sys_errno() != EPERM || known_ids() == Ids::all) throw;
  }
  if (!DirFd::find("/dev/mqueue"))
    return DetachedMount::make("tmpfs", {{"mode", "0555"}, {"nr_inodes", "1"}}, kInert | MOUNT_ATTR_RDONLY, context);
  DetachedMount copy = DetachedMount::copy(AT_FDCWD, "/dev/mqueue");
  copy.isolate();
  copy.restrict(kInert);
  return copy;
}

}  // namespace

SharedMounts SharedMounts::make(DetachedMount devpts, const std::optional<std::int64_t>& shm_size,
                                const std::string& context) {
  const std::string size = cat(shm_size.value_or(0));
  return {.proc = DetachedMount::make("proc", {}, kInert),
          .sys = make_sys(),
          .devpts = std::move(devpts),
          .shm = shm_size ? DetachedMount::make("tmpfs", {{"mode", "1777"}, {"size", size.c_str()}}, kInert, context)
                          : DetachedMount::make("tmpfs", {{"mode", "1777"}}, kInert, context),
          .mqueue = make_mqueue(context)};
}

SharedMounts SharedMounts::copy_of(const std::string& root) {
  const auto copy = [&](const char* place) { return DetachedMount::copy(AT_FDCWD, cat(root, place)); };
  return {.proc = copy(kProcPlace),
          .sys = DetachedMount::copy(AT_FDCWD, cat(root, kSysPlace), Depth::recursive),
          .devpts = copy(kDevptsPlace),
          .shm = copy(kShmPlace),
          .mqueue = copy(kMqueuePlace)};
}

void SharedMounts::attach_below(const std::string& root) const {
  const auto attach = [&](const DetachedMount& mount, const char* place) {
    mount.attach(DirFd::open(cat(root, place)).get());
  };
  attach(proc, kProcPlace);
  attach(sys, kSysPlace);
  attach(devpts, kDevptsPlace);
  attach(shm, kShmPlace);
  attach(mqueue, kMqueuePlace);
}

DirFd open_terminals(const std::string& root) { return DirFd::open(cat(root, kDevptsPlace)); }

void take_stage1_root() {
  const DetachedMount copy = DetachedMount::copy(AT_FDCWD, "stage1/rootfs");
  copy.restrict(kInert | MOUNT_ATTR_RDONLY);
  copy.attach(AT_FDCWD, "stage1/rootfs");
  change_root(copy.fd());
}

// Only a device node that is itself the source keeps its power: nodes below a directory are whatever somebody made
// there.
DetachedMount PodMounts::copy_source(const MountOp& op, const MountOwner& owner) {
  const Depth depth = op.recursive ? Depth::recursive : Depth::this_mount;
  DetachedMount copy = DetachedMount::copy(AT_FDCWD, op.source, depth);
  const mode_t type = type_of(copy.fd(), op.source);
  const bool device = type == S_IFCHR || type == S_IFBLK;
  // Isolated: the host's later mounts would come without these attributes.
  copy.isolate((device ? 0U : MOUNT_ATTR_NODEV) | (op.writable ? 0U : MOUNT_ATTR_RDONLY));
  // What the pod itself has made belongs to its users already.
  const bool of_host = op.source.starts_with('/');
  if (owner.users >= 0 && of_host && !copy.map_owners(owner.users, depth))
    notes_.push_back(cat("stage1: warning: ", quoted(op.source),
                         " cannot be shown with the owners of private users: its owner is nobody in the pod"));
  return copy;
}

PodMounts::PodMounts(const std::vector<AppMountPlan>& apps, SharedMounts shared, const MountOwner& owner)
    : shared_(std::move(shared)) {
  receive_mounts_only();
  for (const auto& plan : apps) {
    App app{.plan = &plan,
            .root = DetachedMount::copy(AT_FDCWD, app_root(plan.name)),
            .dev = make_dev(owner.root, plan),
            .sources = {},
            .nodes = nodes_of_host()};
    app.root.isolate(MOUNT_ATTR_NODEV);
    app.root.permit(MOUNT_ATTR_NOEXEC);  // a directory of S1 has what S1 was restricted to
    for (const auto& op : plan.ops)
      if (op.kind == Kind::bind)
        app.sources.push_back(
            in_context([&] { return cat("app ", quoted(plan.name), ": volume for ", quoted(op.target)); },
                       [&] { return copy_source(op, owner); }));
    apps_.push_back(std::move(app));
  }
}

void PodMounts::take_root() { take_stage1_root(); }

void PodMounts::share() {
  if (apps_.size() > 1) shared_.sys.attach(DirFd::open(kSysPlace).get());
}

void PodMounts::assembled() const noexcept {
  if (apps_.size() > 1) ::umount2(kSysPlace, MNT_DETACH | UMOUNT_NOFOLLOW);
}

void PodMounts::let_go() noexcept {
  [[maybe_unused]] const SharedMounts gone = std::move(shared_);
  empty_directory_.forget();
  apps_.clear();
}

std::string PodMounts::root_path(std::size_t app) const { return assembled_root(*apps_[app].plan); }

void PodMounts::assemble(std::size_t index) {
  App& app = apps_[index];
  app.root.attach(AT_FDCWD, root_path(index));
  const DirFd root = as_directory(app.root);
  make_usual_directories(root);
  std::size_t source = 0;
  for (const auto& op : app.plan->ops)
    in_context([&] { return cat("app ", quoted(app.plan->name), ": mount ", quoted(op.target)); },
               [&] {
                 if (op.kind == Kind::bind)
                   bind(root, op, app.sources[source++]);
                 else
                   perform(app, root, op);
               });
  for (const auto& mount : app.unfinished) mount.restrict(MOUNT_ATTR_RDONLY);
  app.unfinished.clear();
  if (app.plan->read_only_root) app.root.restrict(MOUNT_ATTR_RDONLY);
  app.proc.reset();
  app.sys.reset();
  null_node_.reset();
  empty_file_.forget();
}

void PodMounts::drop(std::size_t app) noexcept { ::umount2(root_path(app).c_str(), MNT_DETACH | UMOUNT_NOFOLLOW); }

// Where that is, from a file system of the kernel's that nothing of the app lies on yet.
std::pair<int, std::string> PodMounts::kernels_place(const App& app, const std::string& target) const {
  constexpr std::string_view kProc = "/proc/", kSys = "/sys/";
  if (target.starts_with(kProc)) return {app.proc ? app.proc->fd() : shared_.proc.fd(), target.substr(kProc.size())};
  if (target.starts_with(kSys) && app.sys) return {app.sys->fd(), target.substr(kSys.size())};
  throw Error(Errc::bug, cat(quoted(target), " is not in a file system of the kernel's"));
}

// Before Linux 6.15 only what is attached can be copied.
void PodMounts::give(const App& app, const DetachedMount& shared, int target) const {
  if (&app == &apps_.front())
    shared.attach(target);
  else
    DetachedMount::copy(shared.fd(), "").attach(target);
}

void PodMounts::perform(App& app, const DirFd& root, const MountOp& op) {
  const auto on_directory = [&](const DetachedMount& shared) {
    give(app, shared, make_target(root, op.target, TargetKind::directory).get());
  };
  switch (op.kind) {
    case Kind::proc:
      if (&app != &apps_.front()) app.proc = DetachedMount::copy(shared_.proc.fd(), "");
      (app.proc ? *app.proc : shared_.proc).attach(make_top_directory(root, "proc", 0755).get());
      return;
    case Kind::sys:
      app.sys = apps_.size() > 1 ? DetachedMount::copy(shared_.sys.fd(), "", Depth::recursive) : std::move(shared_.sys);
      if (!op.writable) app.sys->restrict(MOUNT_ATTR_RDONLY, Depth::recursive);
      app.sys->attach(make_top_directory(root, "sys", 0755).get());
      return;
    case Kind::dev:
      attach_dev(root, app.dev, std::move(app.nodes));
      return;
    case Kind::pts:
      on_directory(shared_.devpts);
      return;
    case Kind::shm:
      on_directory(shared_.shm);
      return;
    case Kind::mqueue:
      on_directory(shared_.mqueue);
      return;
    case Kind::console:
      DetachedMount::copy(shared_.devpts.fd(), "0").attach(make_target(root, op.target, TargetKind::file).get());
      return;
    case Kind::hostname: {
      const DetachedMount file = DetachedMount::copy(shared_.proc.fd(), "sys/kernel/hostname");
      file.restrict(MOUNT_ATTR_RDONLY);
      file.attach(make_target(root, op.target, TargetKind::file).get());
      return;
    }
    case Kind::read_only: {
      const auto [mount, path] = kernels_place(app, op.target);
      if (const auto again = DetachedMount::find(mount, path)) {
        again->restrict(MOUNT_ATTR_RDONLY);
        again->attach(mount, path);
      }
      return;
    }
    case Kind::hide:
      hide(app, op);
      return;
    case Kind::link:
      make_link(root, op);
      return;
    case Kind::bind:
      return;
  }
}

// Each node is mounted on itself without "nodev": these six work, and a node that somebody makes beside them does not.
void PodMounts::attach_dev(const DirFd& root, const DetachedMount& dev,
                           std::vector<std::pair<std::string, DetachedMount>> given) {
  dev.attach(make_top_directory(root, "dev", 0755).get());
  auto nodes = std::move(given);
  const bool own = nodes.empty();
  for (const Node& node : kNodes)
    if (own) nodes.emplace_back(node.name, DetachedMount::copy(dev.fd(), node.name));
  if (own) nodes.emplace_back("net/tun", DetachedMount::copy(dev.fd(), "net/tun"));
  dev.restrict(MOUNT_ATTR_NODEV);
  for (const auto& [path, node] : nodes) node.attach(dev.fd(), path);
  null_node_ = std::move(nodes.front().second);
}

// What it is on is not looked at first: of /proc nearly all are files, of /sys directories.
void PodMounts::hide(App& app, const MountOp& op) {
  const auto [mount, path] = kernels_place(app, op.target);
  const auto with_file = [&, mount = mount, &path = path] {
    return empty_file_.put(mount, path, [&] {
      DetachedMount null = DetachedMount::copy(null_node_->fd(), "");
      null.restrict(MOUNT_ATTR_RDONLY);
      return null;
    });
  };
  const auto with_directory = [&, mount = mount, &path = path] {
    return op.writable ? hide_until_mounted(app, mount, path) : empty_directory_.put(mount, path, [&] {
      return DetachedMount::make("tmpfs", {{"mode", "0000"}, {"nr_inodes", "1"}}, kInert | MOUNT_ATTR_RDONLY,
                                 app.plan->context);
    });
  };
  const bool file_first = op.target.starts_with("/proc/");
  Found found = file_first ? with_file() : with_directory();
  if (found == Found::other_kind) found = file_first ? with_directory() : with_file();
  if (found == Found::other_kind) throw Error::from_errno("attach a mount");
}

DetachedMount::Found PodMounts::hide_until_mounted(App& app, int mount, const std::string& path) {
  DetachedMount cover = DetachedMount::make("tmpfs", {{"mode", "0555"}, {"size", "64k"}}, kInert, app.plan->context);
  const Found found = cover.attach_if_there(mount, path);
  if (found == Found::attached) app.unfinished.push_back(std::move(cover));
  return found;
}

// Where nothing is, the cover serves for the next place.
DetachedMount::Found Cover::put(int dir, const std::string& path, const std::function<DetachedMount()>& make_first) {
  if (!next_) next_ = attached_ ? DetachedMount::copy(attached_->fd(), "") : make_first();
  const auto found = next_->attach_if_there(dir, path);
  if (found != DetachedMount::Found::attached) return found;
  if (!attached_) attached_ = std::move(next_);
  next_.reset();
  return found;
}

void Cover::forget() noexcept {
  attached_.reset();
  next_.reset();
}

void PodMounts::bind(const DirFd& root, const MountOp& op, const DetachedMount& source) {
  const auto kind = type_of(source.fd(), op.source) == S_IFDIR ? TargetKind::directory : TargetKind::file;
  source.attach(make_target(root, op.target, kind).get());
}

}  // namespace rkt::native
