// SPDX-License-Identifier: Apache-2.0
#include "net/builtin/leases.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "sys/file.h"
#include "sys/lock.h"

namespace rkt::net::builtin {
namespace {

constexpr std::size_t kLeaseLimit = 4096;

std::string lease_text(const Owner& owner) { return cat(owner.container_id, "\r\n", owner.if_name); }
std::string last_file(std::size_t set) { return cat("last_reserved_ip.", set); }

// A lease file appears with its content or not at all: one that a killed process left empty would belong to nobody for
// ever. Only under the lock.
class Claim {
 public:
  Claim(const DirFd& dir, const Owner& owner) : dir_(dir) {
    dir.unlink(kFile);  // of a killed one: it may be its lease by another name
    write_file(dir, kFile, lease_text(owner), 0644);
  }
  ~Claim() { (void)::unlinkat(dir_.get(), kFile, 0); }
  Claim(Claim&&) = delete;

  /// False: somebody has it.
  bool take(const Ip& ip, std::size_t set) const {
    const std::string name = ip.str();
    if (!link(name) && !(is_nobodys(name) && link(name))) return false;
    write_file(dir_, last_file(set), name, 0644);
    return true;
  }

 private:
  bool link(const std::string& name) const {
    if (::linkat(dir_.get(), kFile, dir_.get(), name.c_str(), 0) == 0) return true;
    if (errno != EEXIST) throw Error::from_errno(cat("reserve address ", quoted(name)));
    return false;
  }
  // Left by a plugin that was killed while it held the lock.
  bool is_nobodys(const std::string& name) const {
    struct stat st{};
    if (::fstatat(dir_.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) || st.st_size > 0)
      return false;
    dir_.unlink(name);
    return true;
  }

  static constexpr const char* kFile = ".claim";
  const DirFd& dir_;
};

const Range* range_of(const RangeSet& set, const Ip& ip) {
  const auto it = std::ranges::find_if(set, [&](const Range& r) { return r.contains(ip); });
  return it == set.end() ? nullptr : &*it;
}

Lease take_requested(const Claim& claim, const RangeSet& set, std::size_t index, const Ip& ip) {
  const Range& range = *range_of(set, ip);
  if (ip == range.gateway) throw Error(Errc::invalid, cat("requested ip ", ip.str(), " is subnet's gateway"));
  if (!claim.take(ip, index))
    throw Error(Errc::busy,
                cat("requested IP address ", ip.str(), " is not available in range set ", range_set_text(set)));
  return {.address = {ip, range.subnet.prefix}, .gateway = range.gateway};
}

std::optional<Ip> last_reserved(const DirFd& dir, std::size_t set) {
  const auto text = find_file_text(dir, last_file(set), kLeaseLimit);
  return text ? Ip::parse(trim(*text)) : std::nullopt;
}

Lease take_free(const Claim& claim, const RangeSet& set, std::size_t index, const std::optional<Ip>& last) {
  const auto lease = search(set, last, [&](const Ip& ip) { return claim.take(ip, index); });
  if (!lease)
    throw Error(Errc::busy, cat("no IP addresses available in range set: ", range_set_text(set)))
        .hint("`rkt gc` returns those of pods that have ended");
  return *lease;
}

// The request that this set can serve, taken off the list.
std::optional<Ip> take_request(std::vector<Ip>& requested, const RangeSet& set) {
  const auto it = std::ranges::find_if(requested, [&](const Ip& ip) { return range_of(set, ip) != nullptr; });
  if (it == requested.end()) return std::nullopt;
  const Ip out = *it;
  requested.erase(it);
  return out;
}

void release_locked(const DirFd& dir, const Owner& owner, const std::string& name) {
  const auto content = find_file_text(dir, name, kLeaseLimit);
  if (content && is_lease_of(*content, owner)) dir.unlink(name);
}

std::vector<Ip> find_locked(const DirFd& dir, const Owner& owner) {
  std::vector<Ip> out;
  for (const auto& name : dir.names()) {
    const auto ip = Ip::parse(name);
    if (!ip) continue;
    const auto content = find_file_text(dir, name, kLeaseLimit);
    if (content && is_lease_of(*content, owner)) out.push_back(*ip);
  }
  return out;
}

}  // namespace

bool is_lease_of(std::string_view content, const Owner& owner) {
  content = trim(content);
  const auto line = content.substr(0, content.find_first_of("\r\n"));
  if (line != owner.container_id) return false;
  const auto interface = trim(content.substr(line.size()));
  return interface.empty() || owner.if_name.empty() || interface == owner.if_name;
}

std::optional<Lease> search(const RangeSet& set, const std::optional<Ip>& last,
                            const std::function<bool(const Ip&)>& take) {
  std::size_t at = 0;
  std::optional<Ip> current, start;
  if (last)
    if (const Range* r = range_of(set, *last)) {
      at = static_cast<std::size_t>(r - set.data());
      current = last;
    }
  for (;;) {
    if (!current) {
      current = set[at].start;
    } else if (*current == set[at].end) {
      at = (at + 1) % set.size();
      current = set[at].start;
    } else {
      current = current->next();
    }
    if (!start)
      start = current;
    else if (*current == *start)
      return std::nullopt;
    if (*current != set[at].gateway && take(*current))
      return Lease{.address = {*current, set[at].subnet.prefix}, .gateway = set[at].gateway};
  }
}

std::vector<Lease> allocate(const Ipam& ipam, const Owner& owner) {
  const DirFd dir = make_dirs(ipam.data_dir, 0755);
  const KeyLock lock = KeyLock::take(dir, "lock", LockMode::exclusive);
  const Claim claim(dir, owner);
  std::vector<Lease> out;
  std::vector<Ip> requested = ipam.requested;
  try {
    for (std::size_t i = 0; i < ipam.ranges.size(); ++i)
      in_context([&] { return cat("failed to allocate for range ", i); },
                 [&] {
                   const auto& set = ipam.ranges[i];
                   const auto wish = take_request(requested, set);
                   out.push_back(wish ? take_requested(claim, set, i, *wish)
                                      : take_free(claim, set, i, last_reserved(dir, i)));
                 });
    if (!requested.empty()) {
      std::string text = "failed to allocate all requested IPs:";
      for (const auto& ip : requested) text += cat(" ", ip.str());
      throw Error(Errc::invalid, text);
    }
  } catch (const Error&) {
    for (const auto& lease : out) release_locked(dir, owner, lease.address.ip.str());
    throw;
  }
  return out;
}

std::vector<Ip> find_leases(const std::string& path, const Owner& owner) {
  const auto dir = DirFd::find(path);
  if (!dir) return {};
  const KeyLock lock = KeyLock::take(*dir, "lock", LockMode::exclusive);
  return find_locked(*dir, owner);
}

void release(const std::string& path, const Owner& owner, const std::vector<Ip>& known) {
  const auto dir = DirFd::find(path);
  if (!dir) return;
  const KeyLock lock = KeyLock::take(*dir, "lock", LockMode::exclusive);
  for (const auto& ip : known.empty() ? find_locked(*dir, owner) : known) release_locked(*dir, owner, ip.str());
}

}  // namespace rkt::net::builtin
