// SPDX-License-Identifier: Apache-2.0
// libexec/rkt/metadata-service: serves on the two sockets that `rkt metadata-service` made. What is not needed for that
// is given up before the first byte is read.
#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <exception>

#include "base/error.h"
#include "base/log.h"
#include "sys/confine.h"
#include "sys/signals.h"
#include "worker/metadata/rate_limit.h"
#include "worker/metadata/server.h"

namespace rkt::metadata {
namespace {

constexpr int kRegistration = 3, kPublic = 4;  // as spawned
constexpr std::size_t kManifestBytes = std::size_t{8} << 20, kFormBytes = std::size_t{1} << 20;
constexpr std::string_view kNoNewSockets[] = {"bind", "connect", "listen", "socket", "socketpair"};

void confine(pid_t parent) {
  if (::geteuid() == 0) leave_namespaces(true);
  become_unprivileged();
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) throw Error::from_errno("tie the process to its parent");
  if (::getppid() != parent) throw Error(Errc::system, "the parent has ended");  // before it was tied
  deny_syscalls(kNoNewSockets);
  deny_syscalls(dangerous_syscalls());
}

int shorter(int a, int b) { return a < 0 ? b : b < 0 ? a : std::min(a, b); }

void serve(Server& registration, Server& pods, int signals) {
  for (;;) {
    std::array<pollfd, 3> fds{{{signals, POLLIN, 0}, {registration.fd(), POLLIN, 0}, {pods.fd(), POLLIN, 0}}};
    if (::poll(fds.data(), fds.size(), shorter(registration.timeout_ms(), pods.timeout_ms())) < 0 && errno != EINTR)
      throw Error::from_errno("wait for requests");
    if (fds[0].revents != 0) return;
    registration.run();
    pods.run();
  }
}

void run() {
  const pid_t parent = ::getppid();  // spawned to die with it, until ids change
  const UniqueFd signals = end_signals();
  confine(parent);
  Registry registry;
  const Signer signer;
  RateLimit limit(100, 200);
  Server registration(UniqueFd(kRegistration),
                      {.body_limit = kManifestBytes,
                       .shown_path = [](std::string_view path) { return std::string(path); },
                       .answer = [&](const Request& r, const std::string&) { return answer_rkt(registry, r); }});
  Server pods(
      UniqueFd(kPublic),
      {.body_limit = kFormBytes, .shown_path = without_token, .answer = [&](const Request& r, const std::string& peer) {
         if (!limit.allow(peer, std::chrono::steady_clock::now()))
           return Reply{.status = 429, .body = "too many requests\n"};
         return answer_pod(registry, signer, r);
       }});
  log::note("metadata-service", "metadata service running...");
  serve(registration, pods, signals.get());
}

}  // namespace
}  // namespace rkt::metadata

int main() {
  try {
    rkt::metadata::run();
    return 0;
  } catch (const std::exception& e) {
    rkt::log::note("metadata-service", e.what());
  }
  return 1;
}
