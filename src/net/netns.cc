// SPDX-License-Identifier: Apache-2.0
#include "net/netns.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "sys/file.h"
#include "sys/netlink.h"
#include "sys/ns.h"

namespace rkt::net {
namespace {

constexpr std::string_view kDir = "/run/netns";
constexpr std::string_view kOldDir = "/var/run/netns";  // the same directory, as the reference writes it
constexpr std::string_view kPrefix = "/cni-";

std::string random_name() {
  std::array<std::uint8_t, 16> bytes;
  fill_random(bytes);
  const std::string hex = to_hex(bytes);
  return cat("cni-", hex.substr(0, 8), "-", hex.substr(8, 4), "-", hex.substr(12, 4), "-", hex.substr(16, 4), "-",
             hex.substr(20));
}

[[noreturn]] void hold(const Pipe& done, Pipe& over, const std::function<void()>& inside) noexcept {
  try {
    over.write_end.reset();
    set_link_up("lo");
    if (inside) inside();
    (void)!::write(done.write_end.get(), "", 1);
    (void)wait_for_byte(over.read_end.get());
  } catch (const Error& e) {
    log::note("networking", e.brief());
  } catch (const std::exception& e) {
    log::note("networking", e.what());
  }
  ::_exit(0);
}

// Pins must be seen in every mount namespace of the host, so the directory is a shared mount of its own.
void share_directory() {
  const std::string dir(kDir);
  make_dirs(dir, 0755);
  if (::mount(nullptr, dir.c_str(), nullptr, MS_SHARED | MS_REC, nullptr) == 0) return;
  if (errno != EINVAL) throw Error::from_errno(cat("share mount ", quoted(dir)));
  if (::mount(dir.c_str(), dir.c_str(), nullptr, MS_BIND | MS_REC, nullptr) < 0)
    throw Error::from_errno(cat("bind ", quoted(dir)));
  if (::mount(nullptr, dir.c_str(), nullptr, MS_SHARED | MS_REC, nullptr) < 0)
    throw Error::from_errno(cat("share mount ", quoted(dir)));
}

}  // namespace

UniqueFd make_netns() {
  const NetnsScope scope = NetnsScope::make_new();
  set_link_up("lo");
  return scope.current();
}

void open_loopback(int netns) {
  const NetnsScope scope = NetnsScope::enter(netns);
  set_link_up("lo");
}

std::string pin_netns(const DirFd& pod, const std::function<int()>& netns) {
  share_directory();
  const std::string path = cat(kDir, "/", random_name());
  AtomicFile record(pod, "netns", 0644);
  write_all(record.fd(), path, "netns");
  record.commit(AtomicFile::Sync::no);
  const UniqueFd target(::open(path.c_str(), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444));
  if (!target) throw Error::from_errno(cat("make ", quoted(path)));
  const std::string source = cat("/proc/self/fd/", netns());
  if (::mount(source.c_str(), path.c_str(), nullptr, MS_BIND, nullptr) < 0)
    throw Error::from_errno(cat("pin the network namespace at ", quoted(path)));
  return path;
}

UniqueFd make_unpinned_netns(const std::function<void()>& inside) {
  Pipe done = Pipe::make(), over = Pipe::make();
  const NewProcess holder = clone_process(CLONE_NEWNET);
  if (holder.pid == 0) hold(done, over, inside);
  done.write_end.reset();
  const bool made = wait_for_byte(done.read_end.get());
  UniqueFd fd(::open(cat("/proc/", holder.pid, "/ns/net").c_str(), O_RDONLY | O_CLOEXEC));
  over.write_end.reset();
  while (::waitid(P_PIDFD, static_cast<id_t>(holder.pidfd.get()), nullptr, WEXITED) < 0 && errno == EINTR) {
  }
  if (!made || !fd) throw Error(Errc::network, "could not set up a network namespace").hint("see the line above");
  return fd;
}

std::optional<std::string> read_netns_path(const DirFd& pod) {
  const auto text = find_file_text(pod, "netns", 4096);
  if (!text) return std::nullopt;
  const std::string path(trim(*text));
  for (const auto dir : {kDir, kOldDir}) {
    const std::string start = cat(dir, kPrefix);
    if (path.starts_with(start) && path.find('/', start.size()) == std::string::npos) return path;
  }
  throw Error(Errc::invalid,
              cat("the pod's netns file names ", quoted(path), ", which is no pinned network namespace"));
}

bool is_netns(const std::string& path) {
  struct statfs fs{};
  return ::statfs(path.c_str(), &fs) == 0 && fs.f_type == NSFS_MAGIC;
}

void unpin_netns(const std::string& path) {
  if (::umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL && errno != ENOENT)
    throw Error::from_errno(cat("unpin ", quoted(path)));
  if (::unlink(path.c_str()) < 0 && errno != ENOENT) throw Error::from_errno(cat("remove ", quoted(path)));
}

}  // namespace rkt::net
