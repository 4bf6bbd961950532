// SPDX-License-Identifier: Apache-2.0
// libexec/rkt/fetch: requests of one rkt until it closes descriptor 3. The network stays, everything else goes before
// the first byte of a stranger is looked at: account, capabilities, dangerous system calls, writing anything but the
// descriptors that rkt passes. Names are looked up and certificates read afterwards, with the account's own rights:
// rkt passes the certificates that only it may read.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <exception>

#include "base/error.h"
#include "base/log.h"
#include "sys/channel.h"
#include "sys/confine.h"
#include "worker/fetch/readonly.h"
#include "worker/fetch/serve.h"

namespace rkt::fetch {
namespace {

#ifdef __SANITIZE_ADDRESS__
constexpr rlim_t kMaxMemory = RLIM_INFINITY;  // the shadow takes terabytes
#else
constexpr rlim_t kMaxMemory = rlim_t{2} << 30;  // documents are bounded by protocol.h and blobs are streamed
#endif

void confine() {
  if (::geteuid() == 0) leave_namespaces(true);
  become_unprivileged();
  // The change of ids has cleared what the parent asked for.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) throw Error::from_errno("tie the process to its parent");
  limit_resource(RLIMIT_AS, kMaxMemory);
  make_files_read_only();
  deny_syscalls(dangerous_syscalls());
}

}  // namespace
}  // namespace rkt::fetch

int main() {
  ::signal(SIGXFSZ, SIG_IGN);  // a file that is too large is an error of write()
  try {
    rkt::fetch::confine();
    rkt::fetch::serve(rkt::Channel{rkt::UniqueFd(3)});
    return 0;
  } catch (const rkt::Error& e) {
    // A channel that breaks is rkt's end: it was interrupted, and there is nobody to tell.
    if (e.sys_errno() != EPIPE && e.sys_errno() != ECONNRESET) rkt::log::note("fetch", e.brief());
  } catch (const std::exception& e) {
    rkt::log::note("fetch", e.what());
  }
  return 1;
}
