// SPDX-License-Identifier: Apache-2.0
// libexec/rkt/sign: one signature, and the end. The private key is read here and nowhere else, after everything was
// given up that could carry it away: account, capabilities, network, dangerous system calls; memory is not dumped.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <exception>

#include "base/base64.h"
#include "base/error.h"
#include "base/log.h"
#include "json/value.h"
#include "sys/channel.h"
#include "sys/confine.h"
#include "sys/file.h"
#include "worker/sign/sign.h"

namespace rkt::sign {
namespace {

void confine() {
  if (::geteuid() == 0) leave_namespaces(false);
  become_unprivileged();
  // The change of ids has cleared what the parent asked for.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) throw Error::from_errno("tie the process to its parent");
  if (::prctl(PR_SET_DUMPABLE, 0) < 0) throw Error::from_errno("forbid memory dumps");
  limit_resource(RLIMIT_CORE, 0);
  deny_syscalls(network_syscalls());
  deny_syscalls(dangerous_syscalls());
}

json::Object answer(const Channel::Message& request) {
  json::Object out;
  try {
    if (request.fds.size() != 2) throw Error(Errc::bug, "a sign request lacks descriptors");
    const std::string key = read_all(request.fds[0].get(), "private key", kMaxKey);
    const Signature signature = sign(key, read_all(request.fds[1].get(), "payload", kMaxPayload));
    out.set("signature", base64_encode(signature.bytes));
    out.set("key", signature.key);
  } catch (const Error& e) {
    out.set("error", e.cause());
    out.set("hint", e.remedy());
  }
  return out;
}

void run() {
  confine();
  Channel channel{UniqueFd(3)};
  if (const auto request = channel.receive()) channel.send(json::write(answer(*request)));
}

}  // namespace
}  // namespace rkt::sign

int main() {
  ::signal(SIGXFSZ, SIG_IGN);  // a file that is too large is an error of write()
  try {
    rkt::sign::run();
    return 0;
  } catch (const std::exception& e) {
    rkt::log::note("sign", e.what());
  }
  return 1;
}
