// SPDX-License-Identifier: Apache-2.0
#include "cgroup/manager.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/log.h"
#include "base/scope.h"
#include "base/strings.h"
#include "cgroup/apply.h"
#include "cgroup/devices.h"
#include "sys/file.h"
#include "sys/mount.h"
#include "sys/ns.h"

namespace rkt::cgroup {
namespace {

constexpr const char* kSlice = "system.slice";
constexpr const char* kInit = "init.scope";
constexpr const char* kSupervisor = "supervisor.scope";
constexpr const char* kMachineSlice = "/machine.slice";

Layout read_layout() { return parse_layout(read_file("/proc/self/cgroup"), read_mountinfo()); }

std::string own_path(const Hierarchy& h) {
  // A cgroup outside of what is mounted (a container without a cgroup namespace): what is mounted serves.
  return h.directory(h.own) ? h.own : h.mount_root;
}

std::string state_line(const Hierarchy& h, std::string_view path) {
  return cat("0:", join(h.controllers, ","), ":", path, "\n");
}

std::string unit(const std::string& app) { return cat(app, ".service"); }

std::string unified_controllers(const Layout& layout) {
  const auto* h = layout.unified();
  if (h == nullptr) return {};
  // At the top: what is not enabled for our own cgroup may still be had elsewhere, see add_unified().
  const auto dir = DirFd::find(h->mount_point);
  return dir ? find_file_text(*dir, "cgroup.controllers").value_or("") : std::string();
}

// In a cgroup of threads, or one above them, no pod can be. The top one has no type.
bool takes_pods(const DirFd& group) {
  const std::string type = find_file_text(group, "cgroup.type").value_or("domain");
  return trim(type) == "domain";
}

// Whether our own cgroup is ours to divide: systemd marks the units that it has delegated, not what was made below
// them. Without systemd nothing is marked.
bool is_delegated(const Hierarchy& h) {
  if (::access("/run/systemd/system", F_OK) < 0) return true;
  std::string unit = own_path(h);
  const auto is_unit = [&] {
    return unit.ends_with(".service") || unit.ends_with(".scope") || unit.ends_with(".slice");
  };
  while (!unit.empty() && !is_unit()) unit.resize(unit.rfind('/') == std::string::npos ? 0 : unit.rfind('/'));
  const auto path = unit.empty() ? std::nullopt : h.directory(unit);
  const auto group = path ? DirFd::find(*path) : std::nullopt;
  if (!group) return true;
  char value = 0;
  return std::ranges::any_of(std::array{"trusted.delegate", "user.delegate"}, [&](const char* name) {
    return ::fgetxattr(group->get(), name, &value, 1) == 1 && value == '1';
  });
}

// What the children of a cgroup cannot have. Beside processes nothing is asked for: memory would be refused, and "+cpu"
// or "+pids" would make it a cgroup of threads. At the top, which has no type, they may be.
std::vector<std::string> enable_beside_nobody(const DirFd& group, const std::vector<std::string>& wanted) {
  if (wanted.empty() || (group.exists("cgroup.type") && !listed_processes(group).empty())) return wanted;
  return enable_controllers(group, wanted);
}

// What machine.slice does not give of what is wanted; nullopt: it is not ours to use, is one of threads, or
// gives nothing of it (below the top of a cgroup namespace, where processes are).
std::optional<std::vector<std::string>> enable_in_slice(const Hierarchy& h, const std::vector<std::string>& wanted) {
  const auto root = h.directory("/");
  if (!root) return std::nullopt;
  const DirFd top = DirFd::open(*root);
  if (!takes_pods(top) || ::faccessat(top.get(), "cgroup.subtree_control", W_OK, AT_EACCESS) != 0) return std::nullopt;
  const auto missing = enable_beside_nobody(top, wanted);
  if (top.exists("cgroup.type") && !wanted.empty() && missing.size() == wanted.size()) return std::nullopt;
  const DirFd slice = top.make_sub(kMachineSlice + 1, 0755);
  if (!takes_pods(slice)) return std::nullopt;
  return enable_beside_nobody(slice, wanted);
}

}  // namespace

Group::Form Group::form() const noexcept {
  const auto joins = std::min<std::size_t>(join_.size(), Entry::kMax);
  return {.tracks = tracks(), .v2 = tracking_is_v2_, .joins = static_cast<std::uint8_t>(joins)};
}

std::vector<int> Group::descriptors() const {
  std::vector<int> out;
  if (tracks()) out.push_back(tracking_.get());
  for (const auto& fd : join_) out.push_back(fd.get());
  out.resize(form().descriptors());
  return out;
}

Group Group::make(const Form& form, std::span<UniqueFd> descriptors) {
  Group out;
  out.tracking_is_v2_ = form.v2;
  if (form.tracks) out.tracking_ = DirFd(std::move(descriptors.front()));
  for (auto& fd : descriptors.subspan(form.tracks ? 1 : 0)) out.join_.push_back(std::move(fd));
  return out;
}

Entry Group::entry() const noexcept {
  Entry e;
  if (tracking_is_v2_) e.into = tracking_.get();
  for (const auto& fd : join_)
    if (e.joins < Entry::kMax) e.join[e.joins++] = fd.get();
  return e;
}

void Group::kill_all() const {
  if (tracking_) kill_group(tracking_, tracking_is_v2_);
}

void Group::empty() const {
  if (tracking_) empty_group(tracking_, tracking_is_v2_);
}

// Each number is opened, and looked for once more: it may have changed hands since the list was read.
void Group::signal(int number, pid_t except) const {
  if (!tracking_) return;
  for (const pid_t pid : processes(tracking_)) {
    if (pid == except) continue;
    const auto process = open_pidfd(pid);
    if (process && contains(pid)) (void)::syscall(SYS_pidfd_send_signal, process->get(), number, nullptr, 0);
  }
}

bool Group::contains(pid_t pid) const {
  if (!tracking_) return true;
  const auto inside = processes(tracking_);
  return std::ranges::find(inside, pid) != inside.end();
}

PodCgroups PodCgroups::create(const Uuid& uuid, const Needs& needs, Warn warn, Record record) {
  PodCgroups out;
  out.scope_ = scope_name(uuid);
  out.warn_ = std::move(warn);
  out.record_ = std::move(record);
  const Layout layout = read_layout();
  out.mode_ = layout.mode();
  const auto names = needs.names();
  const bool all_in_v1 = std::ranges::all_of(names, [&](const auto& n) { return layout.v1(v1_name(n)) != nullptr; });
  const Choice choice = choose(layout, needs, all_in_v1 ? std::string() : unified_controllers(layout));
  for (const auto& name : choice.missing) out.warn_missing(name);
  ScopeExit undo([&out] { out.remove_quietly(); });
  for (const auto& use : choice.uses) {
    if (!out.places_.empty() && !use.hierarchy->v2) {
      out.to_make_.push_back({*use.hierarchy, use.controllers});
      continue;
    }
    if (use.hierarchy->v2 ? out.add_unified(use) : out.add_place(use, own_path(*use.hierarchy))) continue;
    if (use.hierarchy == layout.tracking()) break;
    for (const auto& c : use.controllers) out.warn_missing(c);
  }
  undo.release();
  if (out.places_.empty()) out.warn_("warning: no usable cgroup, processes are not tracked and limits not enforced");
  return out;
}

void PodCgroups::make_limiting() {
  std::string all;
  for (const auto& one : to_make_) all += state_line(one.hierarchy, child_path(own_path(one.hierarchy), scope_));
  if (!all.empty()) record_(cat(state(), all));
  for (; !to_make_.empty(); to_make_.erase(to_make_.begin())) {
    const Limiting& one = to_make_.front();
    if (make_place({&one.hierarchy, one.controllers}, own_path(one.hierarchy))) continue;
    for (const auto& c : one.controllers) warn_missing(c);
  }
  record_ = nullptr;
}

PodCgroups PodCgroups::open(const Uuid& uuid, std::string_view state) {
  PodCgroups out;
  out.scope_ = scope_name(uuid);
  out.warn_ = [](std::string_view text) { log::debug("cgroup", text); };
  const Layout layout = read_layout();
  out.mode_ = layout.mode();
  for (const auto& m : parse_memberships(state)) {
    const auto h = std::ranges::find_if(layout.hierarchies, [&](const Hierarchy& x) { return m.is_of(x); });
    // The file is the pod's own, but what is removed by it must be a pod's cgroup whatever it says.
    const auto slash = m.path.rfind('/');
    if (h == layout.hierarchies.end() || slash == std::string::npos || m.path.substr(slash + 1) != out.scope_) continue;
    const auto dir = h->directory(m.path.substr(0, std::max<std::size_t>(slash, 1)));
    auto parent = dir ? DirFd::find(*dir) : std::nullopt;
    if (!parent) continue;
    DirFd pod = parent->find_sub(out.scope_).value_or(DirFd());
    std::vector<std::string> controllers = h->controllers;
    const std::string enabled = h->v2 && pod ? find_file_text(pod, "cgroup.subtree_control").value_or("") : "";
    for (const auto c : split(trim(enabled), ' ')) controllers.emplace_back(c);
    out.places_.push_back({.hierarchy = *h,
                           .controllers = std::move(controllers),
                           .pod = m.path,
                           .parent = std::move(*parent),
                           .dir = std::move(pod)});
  }
  return out;
}

void PodCgroups::warn_missing(std::string_view controller) const {
  warn_(cat("warning: resource/", controller, " isolator set but support disabled in the kernel, skipping"));
}

bool PodCgroups::add_place(const Choice::Use& use, const std::string& base) {
  record_(cat(state(), state_line(*use.hierarchy, child_path(base, scope_))));
  return make_place(use, base);
}

// Whether the pod's directory could be made there. Tolerated: a cgroupfs that is read-only, or not ours to write.
bool PodCgroups::make_place(const Choice::Use& use, const std::string& base) {
  const Hierarchy& h = *use.hierarchy;
  const auto path = h.directory(base);
  auto parent = path ? DirFd::find(*path) : std::nullopt;
  if (!parent) return false;
  try {
    DirFd dir = make_group(*parent, scope_, h);
    places_.push_back({.hierarchy = h,
                       .controllers = use.controllers,
                       .pod = child_path(base, scope_),
                       .parent = std::move(*parent),
                       .dir = std::move(dir)});
    return true;
  } catch (const Error& e) {
    if (e.sys_errno() != EROFS && e.sys_errno() != EACCES && e.sys_errno() != EPERM) throw;
    log::debug("cgroup", e.what());
    return false;
  }
}

// A v2 cgroup that gives controllers to its children may hold no process itself. In order: our own cgroup, when its
// children can have what is asked for; the same after we, alone in it, have moved into a leaf; machine.slice, where
// machined places pods, since a login session's or a shared unit's cgroup holds others whom we must not move, and a
// unit's may lack controllers. Decided before anything of the pod is made: it has one place here.
bool PodCgroups::add_unified(const Choice::Use& use) {
  const Hierarchy& h = *use.hierarchy;
  std::vector<std::string> wanted = use.controllers;
  std::erase(wanted, "devices");
  const auto own = DirFd::find(h.directory(own_path(h)).value_or(h.mount_point));
  if (!own) return false;
  std::vector<std::string> missing;
  if (!takes_pods(*own)) {
    const auto in_slice = enable_in_slice(h, wanted);
    if (!in_slice || !add_place(use, kMachineSlice)) return false;
    missing = *in_slice;
  } else if (missing = enable_beside_nobody(*own, wanted); missing.empty()) {
    if (!add_place(use, own_path(h))) return false;
  } else if (!add_elsewhere(use, *own, wanted, missing)) {
    return false;
  }
  for (const auto& c : missing) {
    warn_missing(c);
    std::erase(places_.back().controllers, c);
  }
  const DirFd& pod = places_.back().dir;
  if (!wanted.empty()) {
    enable_controllers(pod, wanted);
    enable_controllers(make_group(pod, kSlice, h), wanted);
  }
  return true;
}

// `missing`: what our own cgroup does not give while we are in it; becomes what the pod does not get.
bool PodCgroups::add_elsewhere(const Choice::Use& use, const DirFd& own, const std::vector<std::string>& wanted,
                               std::vector<std::string>& missing) {
  const Hierarchy& h = *use.hierarchy;
  const auto there = find_file_text(own, "cgroup.controllers").value_or("");
  const auto has = split(trim(there), ' ');
  const auto lacking = static_cast<std::size_t>(
      std::ranges::count_if(missing, [&](const std::string& c) { return std::ranges::find(has, c) == has.end(); }));
  const auto inside = listed_processes(own);
  const bool alone = inside.size() == 1 && inside.front() == ::getpid();
  const bool delegated = is_delegated(h);
  const bool asks_slice = lacking > 0 || !alone || !delegated;
  const auto in_slice = asks_slice ? enable_in_slice(h, wanted) : std::nullopt;
  const Base base =
      choose_base(missing.size(), lacking, alone, delegated, in_slice ? std::optional(in_slice->size()) : std::nullopt);
  if (base == Base::own_left && move_aside(use)) {
    missing = enable_controllers(own, wanted);
    return true;
  }
  const auto other = asks_slice ? in_slice : enable_in_slice(h, wanted);
  if (!other || other->size() >= missing.size()) return add_place(use, own_path(h));
  missing = *other;
  return add_place(use, kMachineSlice);
}

// Into <own>/<pod>/supervisor.scope: we are alone in our cgroup. It is paid for, as the way back is; see manager.h.
bool PodCgroups::move_aside(const Choice::Use& use) {
  if (!add_place(use, own_path(*use.hierarchy))) return false;
  moved_ = try_write(places_.back().dir.make_sub(kSupervisor, 0755), "cgroup.procs", "0") == 0;
  if (moved_) return true;
  remove_quietly();
  places_.clear();
  return false;
}

// While our own cgroup gives controllers nobody can be put into it again, an ExecStopPost= of its unit, say; while we
// are in the pod's, that cannot be removed. What else is there (a program that carries a network) ends after us: gc.
void PodCgroups::move_back() {
  moved_ = false;
  const Place& place = places_.front();
  for (const auto& name : children(place.dir))
    if (name != kSupervisor) remove_group(place.dir, name, true);
  disable_controllers(place.dir, place.controllers);
  disable_controllers(place.parent, place.controllers);
  if (const int err = try_write(place.parent, "cgroup.procs", "0"); err != 0)
    log::debug("cgroup", Error::from_errno("go back into our own cgroup", err).what());
  remove_empty(place.dir, {kSupervisor});
  remove_empty(place.parent, {scope_});
}

void PodCgroups::limit(const Place& place, const DirFd& dir, const Limits& limits) const {
  Writer writer(dir);
  for (const auto& w : plan_limits(place.hierarchy.v2, place.controllers, limits)) {
    const int err = writer.write(w.file, w.value);
    if (err == 0 || (err == ENOENT && w.if_there)) continue;
    if (err != ENOENT) throw Error::from_errno(cat("set ", w.file, " to ", quoted(w.value)), err);
    warn_missing(w.controller);
  }
  const bool filter = place.hierarchy.v2 && std::ranges::find(place.controllers, "devices") != place.controllers.end();
  if (filter && limits.default_devices) attach_device_filter(dir, limits.devices);
}

// Only where somebody is limited is there a reason to look at every disk.
Limits PodCgroups::with_disks(Limits limits) const {
  if (limits.needs().io && has("io")) limits.disks = find_disks();
  return limits;
}

void PodCgroups::limit_pod(const Limits& asked) {
  if (asked.needs().names().empty() && !asked.needs().devices) return;
  make_limiting();
  const Limits limits = with_disks(asked);
  for (Place& place : places_) {
    limit(place, place.dir, limits);
    place.limited = !plan_limits(place.hierarchy.v2, place.controllers, limits).empty();
  }
}

bool PodCgroups::has(std::string_view controller) const {
  return std::ranges::any_of(
      places_, [&](const Place& p) { return std::ranges::find(p.controllers, controller) != p.controllers.end(); });
}

// The kernel asks for both: the group to be born in, and the one above it and the parent's.
void PodCgroups::give_to_owner(const DirFd& dir) const {
  if (::fchownat(dir.get(), "cgroup.procs", owner_, owner_, AT_SYMLINK_NOFOLLOW) < 0)
    throw Error::from_errno("give a cgroup to the pod's users");
}

void PodCgroups::collect(Group& group, const Place& place, const DirFd& dir, bool first) const {
  if (first && place.hierarchy.v2 && owner_ != 0) {
    give_to_owner(place.dir);
    give_to_owner(dir);
  }
  if (first) {
    group.tracking_ = dir.clone();
    group.tracking_is_v2_ = place.hierarchy.v2;
  }
  if (!place.hierarchy.v2) group.join_.push_back(dir.open_file("tasks", O_WRONLY));
}

Group PodCgroups::init() {
  Group group;
  if (places_.empty()) return group;
  const Place& place = places_.front();
  // Beside processes of its own, a v2 cgroup cannot give controllers to its children; v1's can.
  const bool leaf = place.hierarchy.v2 && (mode_ == Mode::v2 || !place.controllers.empty());
  collect(group, place, leaf ? make_group(place.dir, kInit, place.hierarchy) : place.dir.clone(), true);
  for (const Place& other : places_)
    if (&other != &place && other.limited) collect(group, other, other.dir, false);
  return group;
}

Group PodCgroups::app(const std::string& name, const Limits& asked) {
  make_limiting();
  Group group;
  const Limits limits = with_disks(asked);
  if (!places_.empty()) made_.insert(name);
  for (const Place& place : places_) {
    const bool tracking = &place == &places_.front();
    // Where the pod's memory is limited it matters which app the kernel kills for it.
    const bool counted = place.limited && place.hierarchy.has("memory");
    if (!tracking && !counted && plan_limits(place.hierarchy.v2, place.controllers, limits).empty()) {
      if (place.limited) collect(group, place, place.dir, false);
      continue;  // another app's need
    }
    const DirFd dir = make_new_group(place.dir, kSlice, unit(name), place.hierarchy);
    limit(place, dir, limits);
    collect(group, place, dir, tracking);
  }
  return group;
}

std::optional<Group> PodCgroups::find_app(const std::string& name) const {
  Group group;
  for (std::size_t i = 0; i < places_.size(); ++i) {
    const Place& place = places_[i];
    const auto dir = place.dir ? place.dir.find_sub(cat(kSlice, "/", unit(name))) : std::nullopt;
    if (!dir && i == 0) return std::nullopt;
    // Without a limit of its own it may be below the pod's.
    if (dir)
      collect(group, place, *dir, i == 0);
    else if (place.dir)
      collect(group, place, place.dir, false);
  }
  return group;
}

void PodCgroups::remove_app(const std::string& name) {
  for (auto place = places_.rbegin(); place != places_.rend(); ++place)
    if (const auto slice = place->dir ? place->dir.find_sub(kSlice) : std::nullopt; slice && slice->exists(unit(name)))
      remove_group(*slice, unit(name), place->hierarchy.v2);
  made_.erase(name);
}

std::uint64_t PodCgroups::oom_kills(const std::string& name) const {
  std::uint64_t most = 0;
  for (const Place& place : places_) {
    const auto dir = place.dir ? place.dir.find_sub(cat(kSlice, "/", unit(name))) : std::nullopt;
    if (dir) most = std::max(most, cgroup::oom_kills(*dir, place.hierarchy.v2));
  }
  return most;
}

void PodCgroups::kill_all() const {
  if (!places_.empty() && places_.front().dir) kill_group(places_.front().dir, places_.front().hierarchy.v2);
}

// What was made here is known, and nearly always empty by now: three calls do instead of twenty in each hierarchy.
void PodCgroups::remove_idle() {
  if (made_.empty()) return;
  std::vector<std::string> made;
  for (const auto& app : made_) made.push_back(cat(kSlice, "/", unit(app)));
  made.emplace_back(kSlice);
  for (auto it = places_.rbegin(); it != places_.rend(); ++it) {
    if (it->dir) remove_empty(it->dir, made);
    it->removed |= remove_if_empty(it->parent, scope_);
  }
  made_.clear();
}

void PodCgroups::remove() {
  remove_idle();
  for (auto it = places_.rbegin(); it != places_.rend(); ++it) {
    if (moved_ && &*it == &places_.front()) return move_back();
    if (it->removed || remove_if_empty(it->parent, scope_)) continue;
    // Of who was killed after he had moved: nobody is left to go back, but others can be put there again.
    const bool divided = it->dir && it->hierarchy.v2 && it->dir.exists(kSupervisor);
    if (it->dir && it->hierarchy.v2) remove_empty(it->dir, {kInit});
    remove_group(it->parent, scope_, it->hierarchy.v2);
    if (divided && children(it->parent).empty()) disable_controllers(it->parent, it->controllers);
  }
}

void PodCgroups::remove_quietly() noexcept {
  try {
    remove();
  } catch (const std::exception& e) {
    log::debug("cgroup", e.what());
  }
}

std::string PodCgroups::subcgroup() const { return places_.empty() ? std::string() : places_.front().pod; }

std::string PodCgroups::state() const {
  std::string out;
  for (const auto& p : places_) out += state_line(p.hierarchy, p.pod);
  return out;
}

}  // namespace rkt::cgroup
