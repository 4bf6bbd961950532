// SPDX-License-Identifier: Apache-2.0
#include "stage0/users.h"

#include <endian.h>
#include <linux/capability.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "base/error.h"
#include "base/strings.h"
#include "sys/descent.h"
#include "sys/file.h"
#include "sys/rootless.h"

namespace rkt::stage0 {
namespace {

constexpr std::uint32_t kCount = 65536;
constexpr std::size_t kMaxSubordinate = std::size_t{4} << 20;
constexpr const char* kFile = "private-users-prepared";

std::vector<IdRange> taken_ranges(const pod::Pods& pods) {
  std::vector<IdRange> out;
  for (const auto& text : pods.texts(kFile))
    if (const auto range = IdRange::parse(trim(text))) out.push_back(*range);
  // Whoever has a range there may be any of its users, and kill what runs as them.
  for (const char* file : {"etc/subuid", "etc/subgid"})
    for (const auto& range : subordinate_ranges(find_file_text(DirFd::open("/"), file, kMaxSubordinate).value_or("")))
      out.push_back(range);
  return out;
}

// chown drops set-user-ID bits and file capabilities, so both are put back; version 3 of the capability record names
// the root user of the namespace in which it counts.
class Capability {
 public:
  Capability(int dir, const std::string& name) : path_(cat("/proc/self/fd/", dir, "/", name)) {
    size_ = ::lgetxattr(path_.c_str(), "security.capability", &data_, sizeof data_);
  }
  void restore(std::uint32_t root) {
    constexpr auto v2 = static_cast<ssize_t>(sizeof(vfs_cap_data));
    if (size_ < v2) return;
    const std::uint32_t flags = le32toh(data_.magic_etc) & ~static_cast<std::uint32_t>(VFS_CAP_REVISION_MASK);
    data_.magic_etc = htole32(flags | VFS_CAP_REVISION_3);
    data_.rootid = htole32(root);
    if (::lsetxattr(path_.c_str(), "security.capability", &data_, sizeof data_, 0) < 0)
      throw Error::from_errno("keep the capabilities of a file");
  }

 private:
  std::string path_;
  vfs_ns_cap_data data_{};
  ssize_t size_ = -1;
};

void shift_one(const DirFd& dir, const std::string& name, const struct stat& st, const IdRange& r) {
  const auto move = [&](std::uint32_t id) {
    if (id >= r.count)
      throw Error(Errc::unsupported,
                  cat("owner ", id, " of ", quoted(name), " does not fit into ", r.count, " private users"));
    return id + r.shift;
  };
  const bool regular = S_ISREG(st.st_mode);
  std::optional<Capability> capability;
  if (regular) capability.emplace(dir.get(), name);
  if (::fchownat(dir.get(), name.c_str(), move(st.st_uid), move(st.st_gid), AT_SYMLINK_NOFOLLOW) < 0)
    throw Error::from_errno(cat("change the owner of ", quoted(name)));
  if (regular && (st.st_mode & 07000) != 0 && ::fchmodat(dir.get(), name.c_str(), st.st_mode & 07777, 0) < 0)
    throw Error::from_errno(cat("set the mode of ", quoted(name)));
  if (capability) capability->restore(r.shift);
}

}  // namespace

IdRange plan_range(const std::vector<IdRange>& taken, const std::function<std::uint16_t()>& random) {
  // Ranges start at multiples of 65536 above the host's own users and below 2^31, where some programs stop.
  for (int attempt = 0; attempt < 10'000; ++attempt) {
    const std::uint32_t slot = random();
    if (slot == 0 || slot >= 0x8000) continue;
    const IdRange r{slot * kCount, kCount};
    const auto meets = [&](const IdRange& o) {
      return r.shift < std::uint64_t{o.shift} + o.count && o.shift < std::uint64_t{r.shift} + r.count;
    };
    if (std::none_of(taken.begin(), taken.end(), meets)) return r;
  }
  throw Error(Errc::busy, "no free range of user ids");
}

std::optional<IdRange> find_range(const DirFd& pod) {
  const auto text = find_file_text(pod, kFile, 64);
  if (!text) return std::nullopt;
  const auto range = IdRange::parse(trim(*text));
  if (!range) throw Error(Errc::invalid, cat(quoted(kFile), " holds no range: ", quoted(*text)));
  return range;
}

IdRange allocate_range(const pod::Pods& pods, const DirFd& pod) {
  const KeyLock lock = KeyLock::take(make_dirs(cat(pods.data(), "/locks"), 0750), "privateUsers", LockMode::exclusive);
  const IdRange range = plan_range(taken_ranges(pods), [] {
    std::uint8_t bytes[2];
    fill_random(bytes);
    return static_cast<std::uint16_t>(bytes[0] << 8 | bytes[1]);
  });
  write_file(pod, kFile, range.str(), 0640);
  return range;
}

void shift_owners(const DirFd& tree, const IdRange& range) {
  std::set<std::pair<dev_t, ino_t>> moved;  // a file with several names is met several times
  visit_below(tree, [&](const DirFd& directory, const std::string& name, const struct stat& st) {
    if (S_ISDIR(st.st_mode) || st.st_nlink == 1 || moved.emplace(st.st_dev, st.st_ino).second)
      shift_one(directory, name, st, range);
  });
}

}  // namespace rkt::stage0
