// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/groups.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace rkt::native {
namespace {

// A message takes 253 descriptors, a group has its directory and what is joined.
constexpr std::size_t kGroupsAPacket = 25, kDescriptors = kGroupsAPacket * (1 + cgroup::Entry::kMax);
static_assert(kDescriptors <= 253);

using Forms = std::array<cgroup::Group::Form, kGroupsAPacket>;

struct GroupsPacket {
  Forms forms{};
  iovec data{forms.data(), sizeof forms};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kDescriptors * sizeof(int))> control{};
  msghdr header{};

  GroupsPacket() {
    header.msg_iov = &data;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
  }
  GroupsPacket(GroupsPacket&&) = delete;
};

// False: the other side has ended.
bool send_groups(int socket, std::span<const cgroup::Group> groups) {
  GroupsPacket packet;
  std::vector<int> fds;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    packet.forms[i] = groups[i].form();
    for (const int fd : groups[i].descriptors()) fds.push_back(fd);
  }
  packet.data.iov_len = groups.size() * sizeof(cgroup::Group::Form);
  cmsghdr* c = CMSG_FIRSTHDR(&packet.header);
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = SCM_RIGHTS;
  c->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
  if (!fds.empty()) std::memcpy(CMSG_DATA(c), fds.data(), fds.size() * sizeof(int));
  packet.header.msg_controllen = fds.empty() ? 0 : CMSG_SPACE(fds.size() * sizeof(int));
  while (::sendmsg(socket, &packet.header, MSG_NOSIGNAL) < 0) {
    if (errno == EPIPE || errno == ECONNRESET) return false;
    if (errno != EINTR) throw Error::from_errno("give the pod its cgroups");
  }
  return true;
}

std::vector<UniqueFd> descriptors_in(msghdr& header) {
  std::vector<UniqueFd> out;
  const cmsghdr* c = CMSG_FIRSTHDR(&header);
  if (c == nullptr || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) return out;
  for (std::size_t at = 0; at < c->cmsg_len - CMSG_LEN(0); at += sizeof(int)) {
    int fd;
    std::memcpy(&fd, CMSG_DATA(c) + at, sizeof fd);
    out.emplace_back(fd);
  }
  return out;
}

}  // namespace

void give_groups(int socket, std::span<const cgroup::Group> groups) {
  while (!groups.empty()) {
    const std::size_t n = std::min(groups.size(), kGroupsAPacket);
    if (!send_groups(socket, groups.first(n))) return;
    groups = groups.subspan(n);
  }
}

std::vector<cgroup::Group> take_groups(int socket, std::size_t count) {
  std::vector<cgroup::Group> out;
  while (out.size() < count) {
    GroupsPacket packet;
    ssize_t n = 0;
    while ((n = ::recvmsg(socket, &packet.header, MSG_CMSG_CLOEXEC)) < 0)
      if (errno != EINTR) throw Error::from_errno("take the cgroups of the apps");
    auto fds = descriptors_in(packet.header);
    if (n == 0) throw Error(Errc::system, "nobody is left who makes the cgroups of the apps");
    std::span<UniqueFd> left(fds);
    for (std::size_t i = 0; i < static_cast<std::size_t>(n) / sizeof(cgroup::Group::Form); ++i) {
      const std::size_t mine = packet.forms[i].descriptors();
      // Fewer arrive where this process may have no more.
      if (mine > left.size()) throw Error(Errc::system, "take the cgroups of the apps: too many descriptors", EMFILE);
      out.push_back(cgroup::Group::make(packet.forms[i], left.first(mine)));
      left = left.subspan(mine);
    }
  }
  return out;
}

}  // namespace rkt::native
