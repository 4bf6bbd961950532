// SPDX-License-Identifier: Apache-2.0
#include "net/user_network.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/printable.h"
#include "base/strings.h"
#include "net/builtin/attach.h"
#include "net/builtin/firewall.h"
#include "net/netns.h"
#include "sys/caps.h"
#include "sys/ns.h"
#include "sys/spawn.h"

namespace rkt::net {
namespace {

// The places of the descriptors in the keeper.
constexpr int kDone = 3, kNetns = 4;

constexpr int kPatience = 10'000;  // milliseconds

// The programs' end of the way, and the pod's: in the programs' network, so that no other address is covered.
constexpr const char *kOuterAddress = "10.0.2.100", *kGateway = "10.0.2.129";
constexpr int kMtu = 65520;  // of the programs

std::string carrier() {
  for (const char* name : {"pasta", "slirp4netns"})
    if (auto path = find_tool(name)) return std::move(*path);
  throw Error(Errc::unsupported, "networks of pods take root of the host, or a program that carries them for a user")
      .hint("install pasta (package passt) or slirp4netns, or use --net=none or --net=host");
}

void move_to(UniqueFd& fd, int place) {
  if (::dup3(fd.get(), place, O_CLOEXEC) < 0) throw Error::from_errno("move a descriptor");
  (void)fd.release();
}

// What the program writes: of interest when it fails. Never waited for, so that it is not held up by a full pipe.
class Output {
 public:
  Output() : pipe_(Pipe::make()), null_(::open("/dev/null", O_WRONLY | O_CLOEXEC)) {
    for (const int fd : {pipe_.read_end.get(), pipe_.write_end.get()})
      if (!null_ || ::fcntl(fd, F_SETFL, O_NONBLOCK) < 0) throw Error::from_errno("make a pipe");
  }
  int out() const noexcept { return null_.get(); }
  int err() const noexcept { return pipe_.write_end.get(); }
  void show() const {
    char text[4096];
    const ssize_t n = ::read(pipe_.read_end.get(), text, sizeof text);
    if (n <= 0) return;
    for (const auto line : split({text, static_cast<std::size_t>(n)}, '\n'))
      if (!line.empty()) log::note("networking", printable(line));
  }

 private:
  Pipe pipe_;
  UniqueFd null_;
};

// pasta goes into the background when it is ready; slirp4netns stays, and writes a byte.
bool launch_program(const std::vector<std::string>& argv, const Output& output) {
  SpawnOptions options{
      .exe = argv.front(), .argv = argv, .env = pick_env({"PATH", "LANG"}), .out = output.out(), .err = output.err()};
  if (argv.front().ends_with("pasta")) return Child::spawn(options).wait().ok();
  Pipe ready = Pipe::make();
  options.fds = {ready.write_end.get()};
  Child child = Child::spawn(options);
  ready.write_end.reset();
  const bool up = wait_for_byte(ready.read_end.get());
  if (up) child.detach();
  return up;
}

// In the namespace between, which is to the pod what the host is to one of root's.
void lead_through(int netns) {
  if (!builtin::can_translate())
    throw Error(Errc::unsupported, "networks of a user's pods take a kernel with nf_tables")
        .hint("use --net=none or --net=host");
  builtin::refuse_local_destinations();
  const builtin::Lease lease{.address = *builtin::Cidr::parse(cat(kUserAddress, "/30")),
                             .gateway = *builtin::Ip::parse(kGateway)};
  builtin::Network network{.name = "default", .cni_version = {}, .mtu = kMtu, .dns = {}, .ipam = {}, .ports = {}};
  network.ipam.routes = {{.dst = {builtin::Ip::any(false), 0}, .gw = {}}};
  builtin::attach_ptp(network, {.container_id = {}, .if_name = "eth0", .netns = cat("/proc/self/fd/", netns)}, {lease});
  builtin::add_translation(
      {.owner = "pod eth0", .addresses = {lease.address}, .masquerade = true, .ports = {}, .link = {}});
}

int keep(const std::vector<std::string>& argv, int parent) {
  die_with_parent(parent);
  // Ctrl-C is for the pod, which still has a network while its apps end.
  if (::setsid() < 0) throw Error::from_errno("make a session");
  // It needs none, and the program, which drops most of its own first, looks for the namespace among its descriptors:
  // the kernel lets nobody see what one with more capabilities has.
  drop_capabilities(0);
  if (::syscall(SYS_close_range, kNetns + 1, ~0U, 0U) < 0) throw Error::from_errno("close descriptors");
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const Output output;
  if (!launch_program(argv, output)) {
    output.show();
    return 1;
  }
  (void)!::write(kDone, "", 1);
  ::close(kDone);
  while (::waitpid(-1, nullptr, 0) > 0 || errno == EINTR) {
  }
  return 0;
}

// First process of a pid namespace: when it ends, so does everything in it. What it had is a copy; nothing of the pod's
// stays open in it.
[[noreturn]] void become_keeper(const std::string& exe, int done, int netns, int parent) noexcept {
  try {
    char link[32];
    const ssize_t n = ::readlink("/proc/self", link, sizeof link);  // as the /proc has it that the program sees
    if (n <= 0) throw Error::from_errno("read \"/proc/self\"");
    UniqueFd owner(::fcntl(parent, F_DUPFD_CLOEXEC, 64)), write_end(::fcntl(done, F_DUPFD_CLOEXEC, 64)),
        space(::fcntl(netns, F_DUPFD_CLOEXEC, 64));
    move_to(write_end, kDone);
    move_to(space, kNetns);
    const std::string path = cat("/proc/", std::string_view(link, static_cast<std::size_t>(n)), "/fd/", kNetns);
    ::_exit(keep(user_network_argv(exe, path), owner.get()));
  } catch (const Error& e) {
    log::note("networking", e.brief());
  } catch (const std::exception& e) {
    log::note("networking", e.what());
  }
  ::_exit(1);
}

}  // namespace

std::vector<std::string> user_network_argv(const std::string& exe, const std::string& netns) {
  if (exe.ends_with("pasta"))
    return {exe,           "--config-net", "--netns",   netns,      "--netns-only",  "--no-netns-quit",
            "--quiet",     "--ns-ifname",  "eth0",      "-4",       "--address",     kOuterAddress,
            "--netmask",   "24",           "--gateway", "10.0.2.2", "--dns-forward", kUserNameServer,
            "--no-map-gw", "-t",           "none",      "-u",       "none",          "-T",
            "none",        "-U",           "none"};
  return {exe,
          "--configure",
          "--disable-host-loopback",
          "--enable-sandbox",
          "--enable-seccomp",
          cat("--mtu=", kMtu),
          "--ready-fd=3",
          "--netns-type=path",
          netns,
          "eth0"};
}

UserNetwork& UserNetwork::operator=(UserNetwork&& other) noexcept {
  if (this == &other) return *this;
  end();
  keeper_ = std::move(other.keeper_);
  return *this;
}

UserNetwork::~UserNetwork() { end(); }

void UserNetwork::end() noexcept {
  if (!keeper_) return;
  (void)::syscall(SYS_pidfd_send_signal, keeper_.get(), SIGKILL, nullptr, 0U);
  (void)::waitid(P_PIDFD, static_cast<id_t>(keeper_.get()), nullptr, WEXITED);
  keeper_.reset();
}

UserNetwork UserNetwork::start(int netns) {
  const std::string exe = carrier();
  const UniqueFd between = make_unpinned_netns([&] { lead_through(netns); });
  Pipe done = Pipe::make();
  auto self = open_pidfd(::getpid());
  NewProcess keeper = clone_process(CLONE_NEWPID);
  if (keeper.pid == 0) become_keeper(exe, done.write_end.get(), between.get(), self->get());
  done.write_end.reset();
  UserNetwork out;
  out.keeper_ = std::move(keeper.pidfd);
  try {
    if (wait_for_byte(done.read_end.get(), kPatience)) return out;
  } catch (Error& e) {
    e.push(cat(quoted(exe), " does not connect the pod"));
    e.hint("see whether it works by itself; --net=none and --net=host do without");
    throw;
  }
  throw Error(Errc::network, cat(quoted(exe), " could not connect the pod"))
      .hint("see what it wrote above; --net=none and --net=host do without");
}

cni::NetInfo user_network_info() {
  return {.net_name = "default",
          .net_conf = "",
          .plugin_path = "",
          .if_name = "eth0",
          .ip = kUserAddress,
          .args = "",
          .mask = "255.255.255.252"};
}

}  // namespace rkt::net
