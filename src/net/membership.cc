// SPDX-License-Identifier: Apache-2.0
#include "net/membership.h"

#include "base/strings.h"
#include "net/netns.h"
#include "sys/file.h"

namespace rkt::net {
namespace {

constexpr const char* kPlace = "/run/rkt/networks/";
constexpr const char* kLock = "lock";
constexpr std::size_t kPathLimit = 4096;

DirFd open_place(const std::string& network) { return make_dirs(cat(kPlace, network), 0755); }
std::string file_of(const AttachmentName& who) { return cat(who.container_id, " ", who.if_name); }

}  // namespace

Membership Membership::share(const std::string& network) {
  DirFd dir = open_place(network);
  KeyLock lock = KeyLock::take(dir, kLock, LockMode::shared);
  return {std::move(dir), std::move(lock)};
}

std::optional<Membership> Membership::try_alone(const std::string& network) {
  DirFd dir = open_place(network);
  auto lock = KeyLock::try_take(dir, kLock, LockMode::exclusive);
  if (!lock) return std::nullopt;
  return Membership(std::move(dir), std::move(*lock));
}

bool Membership::is_known(const std::string& network) { return DirFd::find(cat(kPlace, network)).has_value(); }

void Membership::enter(const AttachmentName& who, const std::string& netns) const {
  write_file(dir_, file_of(who), netns, 0644);
}

void Membership::leave(const AttachmentName& who) const { dir_.unlink(file_of(who)); }

std::vector<AttachmentName> Membership::living() const {
  std::vector<AttachmentName> out;
  for (const auto& name : dir_.names()) {
    const auto blank = name.find(' ');
    if (blank == std::string::npos) continue;
    if (is_netns(find_file_text(dir_, name, kPathLimit).value_or("")))
      out.push_back({name.substr(0, blank), name.substr(blank + 1)});
    else
      dir_.unlink(name);
  }
  return out;
}

}  // namespace rkt::net
