// SPDX-License-Identifier: Apache-2.0
// libexec/rkt/verify: one request, its answer, the end. Everything is given up before the first byte of a stranger is
// looked at: account, capabilities, network, dangerous system calls; and, once the request's descriptors are here,
// opening any other.
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <exception>

#include "base/error.h"
#include "base/log.h"
#include "sys/channel.h"
#include "sys/confine.h"
#include "worker/verify/protocol.h"
#include "worker/verify/rnp.h"
#include "worker/verify/serve.h"

namespace rkt::verify {
namespace {

// Keys and signatures are bounded by protocol.h and data is streamed: what needs more memory is an attack.
#ifdef __SANITIZE_ADDRESS__
constexpr rlim_t kMaxMemory = RLIM_INFINITY;  // the shadow takes terabytes
#else
constexpr rlim_t kMaxMemory = rlim_t{2} << 30;
#endif

void confine() {
  if (::geteuid() == 0) leave_namespaces(false);
  become_unprivileged();
  // The change of ids has cleared what the parent asked for.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) throw Error::from_errno("tie the process to its parent");
  limit_resource(RLIMIT_FSIZE, rlim_t{2} * kMaxKeyFileBytes);
  limit_resource(RLIMIT_AS, kMaxMemory);
  deny_syscalls(network_syscalls());
  deny_syscalls(dangerous_syscalls());
}

// librnp says there what it thinks of odd bytes, also of good signatures. Descriptor 2 stays, for our own errors.
void silence_library() {
  FILE* nowhere = ::fopen("/dev/null", "we");
  if (nowhere == nullptr) throw Error::from_errno("open \"/dev/null\"");
  stderr = nowhere;
}

void run() {
  silence_library();
  confine();
  Channel channel{UniqueFd(3)};
  const auto request = channel.receive();
  if (!request) return;
  const rnp::Ring warm;  // the library's random number generator opens its device once
  limit_resource(RLIMIT_NOFILE, 0);
  serve(channel, *request);
}

}  // namespace
}  // namespace rkt::verify

int main() {
  ::signal(SIGXFSZ, SIG_IGN);  // a file that is too large is an error of write()
  try {
    rkt::verify::run();
    return 0;
  } catch (const rkt::Error& e) {
    rkt::log::note("verify", e.brief());
  } catch (const std::exception& e) {
    rkt::log::note("verify", e.what());
  }
  return 1;
}
