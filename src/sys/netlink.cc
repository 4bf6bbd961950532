// SPDX-License-Identifier: Apache-2.0
#include "sys/netlink.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>

#include <cstdlib>
#include <cstring>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"

namespace rkt {
namespace {

// The calling thread's, not the process's: /proc/self is the main thread's.
constexpr const char* kOwnNetns = "/proc/thread-self/ns/net";

UniqueFd open_own_netns() {
  UniqueFd fd(::open(kOwnNetns, O_RDONLY | O_CLOEXEC));
  if (!fd) throw Error::from_errno(cat("open ", quoted(kOwnNetns)));
  return fd;
}

struct LinkRequest {
  nlmsghdr header{};
  ifinfomsg link{};
};

// The kernel answers every request that asks for it with an error message, whose code is 0 when all went well.
int exchange(const UniqueFd& socket, const LinkRequest& request) {
  if (::send(socket.get(), &request, sizeof request, 0) < 0) return errno;
  struct {
    nlmsghdr header;
    nlmsgerr error;
    char rest[512];
  } reply{};
  const ssize_t n = ::recv(socket.get(), &reply, sizeof reply, 0);
  if (n < 0) return errno;
  if (static_cast<std::size_t>(n) < NLMSG_LENGTH(sizeof(nlmsgerr)) || reply.header.nlmsg_type != NLMSG_ERROR)
    return EPROTO;
  return -reply.error.error;
}

}  // namespace

void set_link_up(const std::string& name) {
  const std::string what = cat("bring link ", quoted(name), " up");
  const unsigned index = ::if_nametoindex(name.c_str());
  if (index == 0) throw Error::from_errno(what);
  const UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!socket) throw Error::from_errno(what);
  LinkRequest request;
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = RTM_NEWLINK;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  request.link.ifi_family = AF_UNSPEC;
  request.link.ifi_index = static_cast<int>(index);
  request.link.ifi_flags = IFF_UP;
  request.link.ifi_change = IFF_UP;
  if (const int err = exchange(socket, request); err != 0) throw Error::from_errno(what, err);
}

NetnsScope NetnsScope::make_new() {
  UniqueFd home = open_own_netns();
  if (::unshare(CLONE_NEWNET) < 0) throw Error::from_errno("make a network namespace");
  return NetnsScope(std::move(home));
}

NetnsScope NetnsScope::enter(int netns_fd) {
  UniqueFd home = open_own_netns();
  if (::setns(netns_fd, CLONE_NEWNET) < 0) throw Error::from_errno("enter a network namespace");
  return NetnsScope(std::move(home));
}

NetnsScope::~NetnsScope() {
  if (::setns(home_.get(), CLONE_NEWNET) == 0) return;
  log::note("netns", "cannot return to the network namespace of the host");
  std::abort();
}

UniqueFd NetnsScope::current() const { return open_own_netns(); }

}  // namespace rkt
