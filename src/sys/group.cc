// SPDX-License-Identifier: Apache-2.0
#include "sys/group.h"

#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "sys/file.h"
#include "sys/rootless.h"

namespace rkt {

std::optional<gid_t> find_group_in(std::string_view file, std::string_view name) {
  for (const auto line : split(file, '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() < 3 || fields[0] != name) continue;
    if (const auto id = parse_int<gid_t>(fields[2])) return id;
  }
  return std::nullopt;
}

std::optional<gid_t> find_group(std::string_view name) {
  try {
    return find_group_in(read_file("/etc/group"), name);
  } catch (const Error& e) {
    log::debug("sys", e.brief());
    return std::nullopt;
  }
}

DirFd open_data_directory(const std::string& path) {
  if (auto there = DirFd::find(path)) return std::move(*there);
  // The group of a user's is nobody he chose: others may be in it.
  if (::geteuid() != 0 || known_ids() != Ids::all) return make_dirs(path, 0700);
  DirFd made = make_dirs(path, 0750);
  if (const auto group = find_group("rkt")) {
    if (::fchown(made.get(), 0, *group) < 0) throw Error::from_errno(cat("set the group of ", quoted(path)));
    if (::fchmod(made.get(), 02750) < 0) throw Error::from_errno(cat("set the mode of ", quoted(path)));
    // Members may write in the image store, but not make it.
    const DirFd cas = made.make_sub("cas", 0770);
    if (::fchmod(cas.get(), 02770) < 0) throw Error::from_errno("set the mode of the image store");
  }
  return made;
}

}  // namespace rkt
