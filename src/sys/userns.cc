// SPDX-License-Identifier: Apache-2.0
#include "sys/userns.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "sys/caps.h"
#include "sys/ns.h"

namespace rkt {
namespace {

// A child in namespaces of its own, from which they can be taken. It ends with this object, or with its parent.
class Holder {
 public:
  Holder(std::uint64_t flags, const IdRange& range) : wait_(Pipe::make()), process_(clone_process(flags)) {
    if (process_.pid == 0) {
      char byte = 0;
      wait_.write_end.reset();
      (void)!::read(wait_.read_end.get(), &byte, 1);
      ::_exit(0);
    }
    const std::string map = cat("0 ", range.shift, " ", range.count);
    for (const char* file : {"uid_map", "gid_map"}) {
      const UniqueFd fd = open(file, O_WRONLY);
      if (::write(fd.get(), map.data(), map.size()) < 0) throw Error::from_errno(cat("write ", quoted(file)));
    }
  }
  ~Holder() {
    wait_.write_end.reset();
    ::waitid(P_PIDFD, static_cast<id_t>(process_.pidfd.get()), nullptr, WEXITED);
  }
  Holder(Holder&&) = delete;

  UniqueFd open(const char* file, int flags = O_RDONLY) const {
    UniqueFd fd(::open(cat("/proc/", process_.pid, "/", file).c_str(), flags | O_CLOEXEC));
    if (!fd) throw Error::from_errno(cat("open ", quoted(file), " of a namespace's process"));
    return fd;
  }

 private:
  Pipe wait_;
  NewProcess process_;
};

}  // namespace

std::string IdRange::str() const { return cat(shift, ":", count); }

std::optional<IdRange> IdRange::parse(std::string_view text) {
  const auto parts = split(text, ':');
  if (parts.size() != 2) return std::nullopt;
  const auto shift = parse_int<std::uint32_t>(parts[0]), count = parse_int<std::uint32_t>(parts[1]);
  if (!shift || !count) return std::nullopt;
  return IdRange{*shift, *count};
}

UniqueFd make_user_namespace(const IdRange& range) { return Holder(CLONE_NEWUSER, range).open("ns/user"); }

OwnedNamespaces make_owned_namespaces(const IdRange& range) {
  const Holder holder(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS, range);
  return {.user = holder.open("ns/user"),
          .network = holder.open("ns/net"),
          .ipc = holder.open("ns/ipc"),
          .uts = holder.open("ns/uts")};
}

void join_user_namespace(int user_namespace) {
  join_namespaces(user_namespace, CLONE_NEWUSER);
  // By raw calls: libc's would signal threads.
  if (::syscall(SYS_setgroups, 0, nullptr) < 0 || ::syscall(SYS_setresgid, 0, 0, 0) < 0 ||
      ::syscall(SYS_setresuid, 0, 0, 0) < 0)
    throw Error::from_errno("become root of a user namespace");
}

FileOwner::FileOwner(std::uint32_t id) : id_(id) {
  if (id_ == 0) return;
  ::setfsgid(id_);
  ::setfsuid(id_);
  raise_capabilities();  // the kernel has taken those that have to do with files
}

FileOwner::~FileOwner() {
  if (id_ == 0) return;
  ::setfsuid(0);
  ::setfsgid(0);
}

}  // namespace rkt
