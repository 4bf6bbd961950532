// SPDX-License-Identifier: Apache-2.0
#include "worker/unpack/erofs_xattrs.h"

#include <linux/capability.h>
#include <linux/limits.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/strings.h"
#include "worker/unpack/erofs_format.h"

namespace rkt::unpack::erofs {
namespace {

constexpr std::string_view kUser = "user.", kSecurity = "security.", kCapability = "security.capability";

// The kernel takes no other bytes when a capability is set on a file, and refuses to execute a file that has them.
bool is_capability(std::string_view value) {
  std::uint32_t magic = 0;
  if (value.size() < sizeof magic) return false;
  std::memcpy(&magic, value.data(), sizeof magic);
  const std::uint32_t revision = magic & VFS_CAP_REVISION_MASK;
  return (revision == VFS_CAP_REVISION_2 && value.size() == XATTR_CAPS_SZ_2) ||
         (revision == VFS_CAP_REVISION_3 && value.size() == XATTR_CAPS_SZ_3);
}

}  // namespace

void append_xattr(std::vector<std::uint8_t>& out, std::uint8_t prefix, std::string_view name, std::string_view value) {
  const XattrEntry entry{.name_size = static_cast<std::uint8_t>(name.size()),
                         .prefix = prefix,
                         .value_size = static_cast<std::uint16_t>(value.size())};
  const auto* head = reinterpret_cast<const std::uint8_t*>(&entry);
  out.insert(out.end(), head, head + sizeof entry);
  out.insert(out.end(), name.begin(), name.end());
  out.insert(out.end(), value.begin(), value.end());
  out.resize(round_up(out.size(), sizeof entry));
}

std::vector<std::uint8_t> encode_xattrs(const std::vector<std::pair<std::string, std::string>>& xattrs) {
  std::vector<std::uint8_t> out;
  for (auto it = xattrs.begin(); it != xattrs.end(); ++it) {
    const auto& [name, value] = *it;
    if (std::any_of(it + 1, xattrs.end(), [&](const auto& later) { return later.first == name; })) continue;
    const auto fail = [&](int error) {
      return Error::from_errno(cat("set the extended attribute ", quoted(std::string_view(name).substr(0, 64))), error);
    };
    if (name.size() > XATTR_NAME_MAX) throw fail(ERANGE);
    if (value.size() > XATTR_SIZE_MAX) throw fail(E2BIG);
    if (name == kCapability && !is_capability(value)) throw fail(EINVAL);
    if (value.size() > UINT16_MAX) throw Error(Errc::unsupported, "an extended attribute is too large");
    if (name.starts_with(kUser))
      append_xattr(out, kPrefixUser, std::string_view(name).substr(kUser.size()), value);
    else if (name.starts_with(kSecurity))
      append_xattr(out, kPrefixSecurity, std::string_view(name).substr(kSecurity.size()), value);
    else
      throw Error(Errc::bug, cat("extended attribute ", quoted(name), " should have been dropped"));
  }
  // The size is counted in 16 bits.
  if (out.size() / 4 + 1 > UINT16_MAX - 64) throw Error(Errc::unsupported, "a file has too many extended attributes");
  return out;
}

std::uint16_t xattr_units(const std::vector<std::uint8_t>& entries) {
  return entries.empty() ? std::uint16_t{0} : static_cast<std::uint16_t>(1 + entries.size() / 4);
}

std::size_t xattr_size(const std::vector<std::uint8_t>& entries) {
  return entries.empty() ? 0 : sizeof(XattrHeader) + entries.size();
}

}  // namespace rkt::unpack::erofs
