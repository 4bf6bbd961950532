// SPDX-License-Identifier: Apache-2.0
#include "sys/rootless.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "sys/file.h"
#include "sys/mount.h"
#include "sys/ns.h"
#include "sys/spawn.h"

namespace rkt {
namespace {

constexpr std::uint32_t kAllIds = 4294967295;

// A line of a map: the first id here, the first outside, how many.
struct MapLine {
  std::uint32_t inside = 0, count = 0;
};

std::vector<MapLine> parse_map(std::string_view map) {
  std::vector<MapLine> out;
  for (const auto line : split(map, '\n')) {
    std::vector<std::uint32_t> numbers;
    for (const auto word : split(line, ' '))
      if (const auto n = parse_int<std::uint32_t>(trim(word))) numbers.push_back(*n);
    if (numbers.size() == 3) out.push_back({.inside = numbers[0], .count = numbers[2]});
  }
  return out;
}

const std::string& own_users() {
  static const std::string map = read_file("/proc/self/uid_map");
  return map;
}

const std::string& own_groups() {
  static const std::string map = read_file("/proc/self/gid_map");
  return map;
}

std::string text_of(const char* path) {
  try {
    return read_file(path);
  } catch (const Error& e) {
    log::debug("sys", e.brief());
    return {};
  }
}

struct IdRanges {
  IdRange users, groups;
};

struct Subordinate {
  std::string_view owner;
  IdRange range;
};

std::optional<Subordinate> read_subordinate(std::string_view line) {
  const auto fields = split(line, ':');
  if (fields.size() != 3 || fields[0].empty()) return std::nullopt;
  const auto first = parse_int<std::uint32_t>(fields[1]), count = parse_int<std::uint32_t>(trim(fields[2]));
  if (!first || !count || *count == 0) return std::nullopt;
  return Subordinate{.owner = fields[0], .range = {*first, *count}};
}

std::optional<IdRanges> own_ranges() {
  const std::string passwd = text_of("/etc/passwd");
  const auto name = find_user_name(passwd, ::getuid()).value_or("");
  const auto users = find_subordinate(text_of("/etc/subuid"), name, ::getuid());
  const auto groups = find_subordinate(text_of("/etc/subgid"), name, ::getuid());
  if (!users || !groups) return std::nullopt;
  return IdRanges{.users = *users, .groups = *groups};
}

// Runs in a child that stays outside: newuidmap and newgidmap write what the one inside may not.
int write_maps(pid_t inside, uid_t uid, gid_t gid, const IdRanges& ranges) noexcept {
  try {
    const auto map = [&](const char* tool, std::uint32_t own, const IdRange& more) {
      const std::string exe = find_tool(tool).value();
      Child child = Child::spawn({.exe = exe,
                                  .argv = {exe, cat(inside), "0", cat(own), "1", "1", cat(more.shift), cat(more.count)},
                                  .env = {}});
      return child.wait().ok();
    };
    return map("newuidmap", uid, ranges.users) && map("newgidmap", gid, ranges.groups) ? 0 : 1;
  } catch (const std::exception& e) {
    log::note("rkt", e.what());
    return 1;
  }
}

void write_own(const char* file, const std::string& text) {
  const UniqueFd fd(::open(cat("/proc/self/", file).c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd || ::write(fd.get(), text.data(), text.size()) < 0) throw Error::from_errno(cat("write ", quoted(file)));
}

void unshare_users() {
  if (::unshare(CLONE_NEWUSER) == 0) return;
  throw Error::from_errno("make a user namespace")
      .hint(
          "run as root, or let users have them: sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, "
          "kernel.apparmor_restrict_unprivileged_userns");
}

void take_root() {
  const bool groups = trim(read_file("/proc/self/setgroups")) != "deny";
  // By raw calls: libc's would signal threads.
  if ((groups && ::syscall(SYS_setgroups, 0, nullptr) < 0) || ::syscall(SYS_setresgid, 0, 0, 0) < 0 ||
      ::syscall(SYS_setresuid, 0, 0, 0) < 0)
    throw Error::from_errno("become root of a user namespace");
  // Mounts, also detached ones, are made in a namespace of his alone.
  if (::unshare(CLONE_NEWNS) < 0) throw Error::from_errno("make a mount namespace");
  receive_mounts_only();
}

// True: the maps are written.
bool enter_with_ranges(const IdRanges& ranges) {
  Pipe ready = Pipe::make();
  const pid_t inside = ::getpid();
  const uid_t uid = ::getuid();
  const gid_t gid = ::getgid();
  const NewProcess helper = clone_process(0);
  if (helper.pid == 0) {
    char byte = 0;
    ready.write_end.reset();
    const bool go = ::read(ready.read_end.get(), &byte, 1) == 1;
    ::_exit(go ? write_maps(inside, uid, gid, ranges) : 1);
  }
  unshare_users();
  (void)!::write(ready.write_end.get(), "", 1);
  int status = 0;
  while (::waitpid(helper.pid, &status, 0) < 0)
    if (errno != EINTR) throw Error::from_errno("wait for newuidmap");
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void map_alone(uid_t uid, gid_t gid) {
  write_own("uid_map", cat("0 ", uid, " 1"));
  write_own("setgroups", "deny");
  write_own("gid_map", cat("0 ", gid, " 1"));
}

}  // namespace

Ids ids_in(std::string_view map) {
  std::uint64_t count = 0;
  for (const auto& line : parse_map(map)) count += line.count;
  if (count >= kAllIds) return Ids::all;
  return count == 1 ? Ids::one : Ids::some;
}

Ids known_ids() {
  static const Ids ids = [] {
    const Ids found = ids_in(own_users());
    if (found != Ids::all) (void)own_groups();  // /proc may be gone when it is asked for
    return found;
  }();
  return ids;
}

bool has_id(std::string_view map, std::uint32_t id) {
  for (const auto& line : parse_map(map))
    if (id >= line.inside && id - line.inside < line.count) return true;
  return false;
}

bool has_user(uid_t id) { return known_ids() == Ids::all || has_id(own_users(), id); }
bool has_group(gid_t id) { return known_ids() == Ids::all || has_id(own_groups(), id); }

std::optional<IdRange> find_subordinate(std::string_view file, std::string_view name, uid_t uid) {
  for (const auto line : split(file, '\n'))
    if (const auto entry = read_subordinate(line))
      if (entry->owner == name || parse_int<uid_t>(entry->owner) == uid) return entry->range;
  return std::nullopt;
}

std::vector<IdRange> subordinate_ranges(std::string_view file) {
  std::vector<IdRange> out;
  for (const auto line : split(file, '\n'))
    if (const auto entry = read_subordinate(line)) out.push_back(entry->range);
  return out;
}

std::optional<std::string_view> find_user_name(std::string_view file, uid_t uid) {
  for (const auto line : split(file, '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() > 2 && parse_int<uid_t>(fields[2]) == uid) return fields[0];
  }
  return std::nullopt;
}

std::string become_root_of_own_namespace() {
  const uid_t uid = ::getuid();
  const gid_t gid = ::getgid();
  const bool tools = find_tool("newuidmap") && find_tool("newgidmap");
  const auto ranges = tools ? own_ranges() : std::nullopt;
  if (ranges) {
    if (!enter_with_ranges(*ranges))
      throw Error(Errc::denied, "newuidmap or newgidmap refused the ranges of /etc/subuid and /etc/subgid")
          .hint("see what they wrote above");
    take_root();
    return {};
  }
  unshare_users();
  map_alone(uid, gid);
  take_root();
  return tools ? "no range for you in /etc/subuid and /etc/subgid" : "newuidmap and newgidmap are not installed";
}

void become_root_beside(int pidfd) {
  join_namespaces(pidfd, CLONE_NEWUSER);
  take_root();
}

}  // namespace rkt
