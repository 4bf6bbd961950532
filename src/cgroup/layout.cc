// SPDX-License-Identifier: Apache-2.0
#include "cgroup/layout.h"

#include <algorithm>

#include "base/escapes.h"
#include "base/strings.h"

namespace rkt::cgroup {
namespace {

bool is_at_or_above(std::string_view point, std::string_view path) {
  return point == "/" || path == point || (path.starts_with(point) && path.substr(point.size()).starts_with('/'));
}

bool is_controller(std::string_view option) {
  constexpr std::string_view kKnown[] = {"cpu",     "cpuacct",  "cpuset",     "memory",  "devices", "freezer", "blkio",
                                         "net_cls", "net_prio", "perf_event", "hugetlb", "pids",    "rdma",    "misc"};
  return option.starts_with("name=") || std::ranges::find(kKnown, option) != std::end(kKnown);
}

// One line: ID PARENT MAJ:MIN ROOT MOUNT_POINT OPTIONS [OPTIONAL…] - FSTYPE SOURCE SUPER_OPTIONS
struct MountLine {
  std::string_view id, parent;
  std::string root, point;
  std::string_view type, super_options;
};

std::vector<MountLine> parse_mounts(std::string_view mountinfo) {
  std::vector<MountLine> out;
  for (const auto line : split(mountinfo, '\n')) {
    const auto dash = line.find(" - ");
    if (dash == std::string_view::npos) continue;
    const auto front = split(line.substr(0, dash), ' ');
    const auto back = split(line.substr(dash + 3), ' ');
    if (front.size() < 6 || back.size() < 3) continue;
    out.push_back({front[0], front[1], octal_decode(front[3]), octal_decode(front[4]), back[0], back[2]});
  }
  return out;
}

// Whether a path leads into this mount: nothing lies on it, nor on a directory above it. The order of the lines tells
// only what is on top at one place: the root may come after what was moved below it.
bool is_visible(const std::vector<MountLine>& mounts, const MountLine& m) {
  const auto covers = [](const MountLine& other, const MountLine& what) {
    if (&other == &what) return false;
    if (other.parent == what.id) return other.point == what.point;
    return other.parent == what.parent && is_at_or_above(other.point, what.point) &&
           (other.point != what.point || &other > &what);
  };
  const MountLine* at = &m;
  for (std::size_t depth = 0; at != nullptr && depth < mounts.size(); ++depth) {
    for (const auto& other : mounts) {
      const bool is_way = at != &m && other.parent == at->id;  // on the way to m, or covering it: told below
      if (!is_way && covers(other, *at)) return false;
    }
    const auto parent = std::ranges::find(mounts, at->parent, &MountLine::id);
    at = parent == mounts.end() || &*parent == at ? nullptr : &*parent;
  }
  return true;
}

std::optional<Hierarchy> read_hierarchy(const MountLine& m) {
  if (m.type != "cgroup" && m.type != "cgroup2") return std::nullopt;
  Hierarchy h{.v2 = m.type == "cgroup2", .controllers = {}, .mount_point = m.point, .mount_root = m.root, .own = {}};
  if (!h.v2)
    for (const auto option : split(m.super_options, ','))
      if (is_controller(option)) h.controllers.emplace_back(option);
  return h;
}

}  // namespace

bool Hierarchy::has(std::string_view controller) const {
  return std::ranges::find(controllers, controller) != controllers.end();
}

std::optional<std::string> Hierarchy::directory(std::string_view cgroup) const {
  for (const auto part : split(cgroup, '/'))
    if (part == "..") return std::nullopt;  // outside of this process's cgroup namespace
  if (mount_root == "/") return cgroup == "/" ? mount_point : mount_point + std::string(cgroup);
  if (cgroup == mount_root) return mount_point;
  if (cgroup.starts_with(mount_root) && cgroup.substr(mount_root.size()).starts_with('/'))
    return mount_point + std::string(cgroup.substr(mount_root.size()));
  return std::nullopt;
}

Mode Layout::mode() const {
  const bool v2 = unified() != nullptr;
  const bool v1 = std::ranges::any_of(hierarchies, [](const Hierarchy& h) { return !h.v2; });
  if (v1) return v2 ? Mode::hybrid : Mode::v1;
  return v2 ? Mode::v2 : Mode::none;
}

const Hierarchy* Layout::unified() const {
  const auto it = std::ranges::find_if(hierarchies, &Hierarchy::v2);
  return it == hierarchies.end() ? nullptr : &*it;
}

const Hierarchy* Layout::v1(std::string_view controller) const {
  const auto it = std::ranges::find_if(hierarchies, [&](const Hierarchy& h) { return !h.v2 && h.has(controller); });
  return it == hierarchies.end() ? nullptr : &*it;
}

const Hierarchy* Layout::tracking() const {
  if (const auto* h = unified()) return h;
  if (const auto* h = v1("name=systemd")) return h;
  if (const auto* h = v1("cpu")) return h;
  return hierarchies.empty() ? nullptr : &hierarchies.front();
}

Layout parse_layout(std::string_view proc_cgroup, std::string_view mountinfo) {
  const auto memberships = parse_memberships(proc_cgroup);
  const auto mounts = parse_mounts(mountinfo);
  Layout layout;
  for (const auto& m : mounts) {
    auto h = read_hierarchy(m);
    if (!h || !is_visible(mounts, m)) continue;
    // The same hierarchy at two places (inside a container's bind mounts, say): the first one serves.
    const bool seen = std::ranges::any_of(
        layout.hierarchies, [&](const Hierarchy& o) { return o.v2 == h->v2 && o.controllers == h->controllers; });
    const auto own = std::ranges::find_if(memberships, [&](const Membership& member) { return member.is_of(*h); });
    if (seen || own == memberships.end()) continue;
    h->own = own->path;
    layout.hierarchies.push_back(std::move(*h));
  }
  return layout;
}

// The path may contain colons; the two fields before it cannot.
std::vector<Membership> parse_memberships(std::string_view text) {
  std::vector<Membership> out;
  for (const auto line : split(text, '\n')) {
    const auto first = line.find(':');
    const auto second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    Membership m{.controllers = {}, .path = std::string(line.substr(second + 1))};
    for (const auto c : split(line.substr(first + 1, second - first - 1), ','))
      if (!c.empty()) m.controllers.emplace_back(c);
    out.push_back(std::move(m));
  }
  return out;
}

bool Membership::is_of(const Hierarchy& h) const {
  if (h.v2) return controllers.empty();
  return std::ranges::any_of(controllers, [&](const std::string& c) { return h.has(c); });
}

Choice choose(const Layout& layout, const Needs& needs, std::string_view unified_controllers) {
  Choice out;
  const auto use = [&](const Hierarchy* h) -> std::vector<std::string>& {
    const auto it = std::ranges::find(out.uses, h, &Choice::Use::hierarchy);
    return it != out.uses.end() ? it->controllers : out.uses.emplace_back(h).controllers;
  };
  const auto* tracking = layout.tracking();
  if (tracking != nullptr) use(tracking);
  auto in_v2 = split(trim(unified_controllers), ' ');
  in_v2.emplace_back("devices");  // no controller there but a program hook, so every v2 hierarchy has it
  for (const auto& name : needs.names()) {
    if (const auto* h = layout.v1(v1_name(name)))
      use(h).push_back(name);
    else if (layout.unified() != nullptr && std::ranges::find(in_v2, name) != in_v2.end())
      use(layout.unified()).push_back(name);
    else
      out.missing.push_back(name);
  }
  return out;
}

std::string_view v1_name(std::string_view controller) { return controller == "io" ? "blkio" : controller; }

Needs Needs::operator|(const Needs& o) const {
  return {.memory = memory || o.memory,
          .cpu = cpu || o.cpu,
          .pids = pids || o.pids,
          .io = io || o.io,
          .devices = devices || o.devices};
}

std::vector<std::string> Needs::names() const {
  std::vector<std::string> out;
  if (memory) out.emplace_back("memory");
  if (cpu) out.emplace_back("cpu");
  if (pids) out.emplace_back("pids");
  if (io) out.emplace_back("io");
  if (devices) out.emplace_back("devices");
  return out;
}

Base choose_base(std::size_t missing, std::size_t lacking, bool alone, bool delegated,
                 std::optional<std::size_t> in_slice) {
  const std::size_t best_of_own = alone ? lacking : missing;
  if (!delegated && in_slice && *in_slice < missing && *in_slice <= best_of_own) return Base::slice;
  if (in_slice && *in_slice < best_of_own) return Base::slice;
  return best_of_own < missing ? Base::own_left : Base::own;
}

std::string scope_name(const Uuid& uuid) {
  std::string out = "machine-rkt\\x2d";
  for (const char c : uuid.str()) out += c == '-' ? "\\x2d" : std::string(1, c);
  return out + ".scope";
}

std::string child_path(std::string_view parent, std::string_view name) {
  return parent.ends_with('/') ? cat(parent, name) : cat(parent, "/", name);
}

}  // namespace rkt::cgroup
