// SPDX-License-Identifier: Apache-2.0
// Makes the sockets, as root, and stays to remove the one that has a name; libexec/rkt/metadata-service serves on them.
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>

#include "base/error.h"
#include "base/scope.h"
#include "base/strings.h"
#include "cli/env.h"
#include "cmd/registry.h"
#include "stage0/exec.h"
#include "stage0/metadata.h"
#include "sys/install.h"
#include "sys/signals.h"
#include "sys/spawn.h"

namespace rkt::cmd {
namespace {

void check_port(const std::string& v) {
  const auto port = parse_int<std::int64_t>(v);
  if (!port) throw Error(Errc::usage, cat("strconv.ParseInt: parsing ", quoted(v), ": invalid syntax"));
  if (*port < 1 || *port > 65535) throw Error(Errc::usage, "a port is 1 to 65535");
}

UniqueFd listen_for_pods(std::uint16_t port) {
  return in_context([&] { return cat("error listening on port ", port); },
                    [&] {
                      UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
                      if (!fd) throw Error::from_errno("make a socket");
                      const int on = 1;
                      sockaddr_in address{};
                      address.sin_family = AF_INET;
                      address.sin_port = htons(port);
                      if (::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
                          ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0 ||
                          ::listen(fd.get(), SOMAXCONN) < 0)
                        throw Error::from_errno("listen");
                      return fd;
                    });
}

// A socket file that nobody listens on is what a killed service left.
UniqueFd listen_for_rkt() {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  std::strncpy(address.sun_path, stage0::kMetadataSocket, sizeof address.sun_path - 1);
  const auto* where = reinterpret_cast<const sockaddr*>(&address);
  const auto make = [] {
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) throw Error::from_errno("make a socket");
    return fd;
  };
  return in_context([] { return cat("error listening on ", quoted(stage0::kMetadataSocket)); },
                    [&] {
                      if (::mkdir("/run/rkt", 0755) < 0 && errno != EEXIST)
                        throw Error::from_errno("make \"/run/rkt\"");
                      if (::connect(make().get(), where, sizeof address) == 0)
                        throw Error(Errc::busy, "another metadata service is running");
                      if (errno == ECONNREFUSED) ::unlink(address.sun_path);
                      UniqueFd fd = make();
                      const mode_t mask = ::umask(0117);  // born 0660
                      const ScopeExit restore([&] { ::umask(mask); });
                      if (::bind(fd.get(), where, sizeof address) < 0 || ::listen(fd.get(), SOMAXCONN) < 0)
                        throw Error::from_errno("listen");
                      return fd;
                    });
}

// By systemd, or by anybody who says how many and not for whom.
bool is_activated() {
  if (const auto count = env("LISTEN_FDS")) {
    const auto n = parse_int<int>(*count);
    if (!n) throw Error(Errc::usage, "error parsing LISTEN_FDS env var").hint(cat("it is ", quoted(*count)));
    if (*n < 1) throw Error(Errc::usage, "LISTEN_FDS < 1");
  }
  auto environment = stage0::own_environment();
  if (std::ranges::none_of(environment, [](const std::string& v) { return v.starts_with("LISTEN_PID="); }))
    environment.push_back(cat("LISTEN_PID=", ::getpid()));
  if (stage0::listen_fds(environment, ::getpid()) == 0) return false;
  int listens = 0;
  socklen_t size = sizeof listens;
  if (::getsockopt(3, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0 || listens == 0)
    throw Error(Errc::usage, "LISTEN_FDS is set, but descriptor 3 is no listening socket");
  if (const int flags = ::fcntl(3, F_GETFL); flags < 0 || ::fcntl(3, F_SETFL, flags | O_NONBLOCK) < 0)
    throw Error::from_errno("use the socket that was passed");
  return true;
}

// Until the worker ends, asked by a signal or not.
ExitStatus serve(int registration, int pods, int signals) {
  Child worker = Child::spawn({.exe = cat(install_prefix(), "/libexec/rkt/metadata-service"),
                               .argv = {"metadata-service"},
                               .env = pick_env({"ASAN_OPTIONS", "UBSAN_OPTIONS"}),
                               .fds = {registration, pods}});
  pollfd fds[] = {{signals, POLLIN, 0}, {worker.pidfd(), POLLIN, 0}};
  while (::poll(fds, 2, -1) < 0)
    if (errno != EINTR) throw Error::from_errno("wait for the metadata service");
  if (fds[0].revents != 0) worker.kill(SIGTERM);
  return worker.wait();
}

int run_metadata_service(cli::Env& env, const cli::Parsed& in) {
  env.err("metadata service starting...");
  const bool activated = is_activated();  // before anything else takes descriptor 3
  const UniqueFd signals = end_signals();
  const UniqueFd pods = listen_for_pods(parse_int<std::uint16_t>(in.text("listen-port")).value());
  const UniqueFd registration = activated ? UniqueFd(3) : listen_for_rkt();
  const ScopeExit remove([&] {
    if (!activated) ::unlink(stage0::kMetadataSocket);
  });
  const ExitStatus end = serve(registration.get(), pods.get(), signals.get());
  env.err("metadata service exiting...");
  return end.ok() ? 0 : 254;
}

}  // namespace

const cli::Command metadata_service{
    .name = "metadata-service",
    .args = "[--listen-port=PORT]",
    .brief = "Run metadata service",
    .description = "Tells pods that were started with --mds-register about themselves, and vouches for them.",
    .flags =
        [] { return cli::Flags{checked(cli::text("listen-port", "18112", "TCP port that pods ask on"), check_port)}; },
    .power = cli::Command::Power::root,
    .run = run_metadata_service};

}  // namespace rkt::cmd
