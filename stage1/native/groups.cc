// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/groups.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "sys/channel.h"

namespace rkt::native {
namespace {

// A message takes 253 descriptors, a group has its directory and what is joined.
constexpr std::size_t kGroupsAPacket = 25;
static_assert(kGroupsAPacket * (1 + cgroup::Entry::kMax) <= 253);

}  // namespace

void give_groups(int socket, std::span<const cgroup::Group> groups) {
  while (!groups.empty()) {
    std::string forms;
    std::vector<int> fds;
    for (const auto& group : groups.first(std::min(groups.size(), kGroupsAPacket))) {
      const cgroup::Group::Form form = group.form();
      forms.append(reinterpret_cast<const char*>(&form), sizeof form);
      for (const int fd : group.descriptors()) fds.push_back(fd);
    }
    try {
      send_packet(socket, forms, fds);
    } catch (const Error& e) {
      if (e.sys_errno() == EPIPE || e.sys_errno() == ECONNRESET) return;
      throw;
    }
    groups = groups.subspan(std::min(groups.size(), kGroupsAPacket));
  }
}

std::vector<cgroup::Group> take_groups(int socket, std::size_t count) {
  std::vector<cgroup::Group> out;
  while (out.size() < count) {
    auto packet = in_context([] { return std::string("take the cgroups of the apps"); },
                             [&] { return receive_packet(socket, kGroupsAPacket * sizeof(cgroup::Group::Form)); });
    if (!packet) throw Error(Errc::system, "nobody is left who makes the cgroups of the apps");
    std::span<UniqueFd> left(packet->fds);
    for (std::string_view text = packet->text; text.size() >= sizeof(cgroup::Group::Form);
         text.remove_prefix(sizeof(cgroup::Group::Form))) {
      cgroup::Group::Form form;
      std::memcpy(&form, text.data(), sizeof form);
      if (form.descriptors() > left.size()) throw Error(Errc::bug, "cgroups of apps came without their descriptors");
      out.push_back(cgroup::Group::make(form, left.first(form.descriptors())));
      left = left.subspan(form.descriptors());
    }
  }
  return out;
}

}  // namespace rkt::native
