// SPDX-License-Identifier: Apache-2.0
#include "stage1/common/accounts.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "base/error.h"
#include "base/strings.h"
#include "sys/file.h"

namespace rkt::stage1 {
namespace {

constexpr std::size_t kFileLimit = std::size_t{4} << 20;

// -1 means "leave as it is" to the kernel.
unsigned checked(unsigned id) {
  if (id == std::numeric_limits<unsigned>::max()) throw Error(Errc::invalid, "Invalid uid or gid");
  return id;
}

struct stat owner_of(const DirFd& root, const std::string& path) {
  const UniqueFd fd = root.open_in_root(path, O_PATH | O_NOFOLLOW);
  struct stat st{};
  if (::fstat(fd.get(), &st) < 0) throw Error::from_errno(cat("look at ", quoted(path)));
  return st;
}

// The image says what is there, and to open a device may do something.
std::string read_in_root(const DirFd& root, const char* file) {
  const UniqueFd there = root.open_in_root(file, O_PATH);
  struct stat st{};
  if (::fstat(there.get(), &st) < 0) throw Error::from_errno(cat("look at ", quoted(file)));
  if (!S_ISREG(st.st_mode)) throw Error(Errc::invalid, cat(quoted(file), " is not a regular file"));
  const UniqueFd fd = reopen_fd(there.get(), O_RDONLY);
  if (!fd) throw Error::from_errno(cat("open ", quoted(file)));
  return read_all(fd.get(), file, kFileLimit);
}

unsigned in_file(const DirFd& root, const char* file, const std::string& name, std::size_t fields) {
  return find_account(read_in_root(root, file), name, fields);
}

// Nothing where there is no such file, or none that can be read: Docker, too, then goes by what the image's
// configuration says alone. Lines that are none are passed over.
template <class Take>
void each_line(const DirFd& root, const char* file, std::size_t fields, Take&& take) {
  std::string text;
  try {
    text = read_in_root(root, file);
  } catch (const Error&) {
    return;
  }
  for (const auto line : split(text, '\n')) {
    const auto parts = split(line, ':');
    if (parts.size() >= fields && !line.starts_with('#')) take(parts);
  }
}

std::optional<gid_t> group_number(std::string_view text) {
  const auto id = parse_int<unsigned>(text);
  return id && *id != std::numeric_limits<unsigned>::max() ? id : std::nullopt;
}

// What passwd and group say of a user who is given by name or number.
std::optional<AppGroups> groups_of_account(const DirFd& root, const std::string& user) {
  std::optional<AppGroups> out;
  std::string name;
  each_line(root, "etc/passwd", 4, [&](const auto& parts) {
    const auto gid = group_number(parts[3]);
    if (out || !gid || parts[0].empty() || (parts[0] != user && parts[2] != user)) return;
    out.emplace(AppGroups{.primary = *gid, .of_image = {}});
    name = parts[0];
  });
  if (!out) return out;
  each_line(root, "etc/group", 4, [&](const auto& parts) {
    const auto gid = group_number(parts[2]);
    const auto members = split(parts[3], ',');
    if (gid && std::ranges::find(members, name) != members.end()) out->of_image.push_back(*gid);
  });
  return out;
}

}  // namespace

AppGroups resolve_app_groups(const DirFd& root, const appc::App& app, const appc::ImageManifest& image, uid_t uid) {
  const bool repeated =
      image.is_docker() && image.app && image.app->user == image.app->group && app.group == image.app->group;
  const bool group_was_named = appc::find_annotation(image.annotations, appc::kDockerUser) != nullptr;
  if (repeated && !group_was_named && app.user == image.app->user) {
    const std::string user = app.user == "root" ? "0" : app.user;
    if (auto found = groups_of_account(root, user)) {
      if (!app.supplementary_gids.empty()) found->of_image.clear();
      return *found;
    }
  }
  try {
    return {.primary = resolve_group(root, app.group), .of_image = {}};
  } catch (const Error&) {
    if (!repeated) throw;
    return {.primary = uid, .of_image = {}};
  }
}

unsigned find_account(std::string_view text, std::string_view name, std::size_t fields) {
  std::optional<unsigned> found;
  for (const auto line : split(text, '\n')) {
    if (trim(line).empty() || line.starts_with('#')) continue;
    const auto parts = split(line, ':');
    if (parts.size() < fields) throw Error(Errc::invalid, cat("invalid line ", quoted(line)));
    if (found || parts[0] != name) continue;
    found = parse_int<unsigned>(parts[2]);
    if (!found) throw Error(Errc::invalid, cat("Invalid uid or gid in line ", quoted(line)));
  }
  if (!found) throw Error(Errc::not_found, cat(quoted(name), " not found"));
  return checked(*found);
}

uid_t resolve_user(const DirFd& root, const std::string& user) {
  return in_context([&] { return cat("failed to configure user ", quoted(user)); },
                    [&]() -> uid_t {
                      if (user == "root") return 0;
                      if (const auto id = parse_int<unsigned>(user)) return checked(*id);
                      if (user.starts_with('/')) return owner_of(root, user).st_uid;
                      return in_file(root, "etc/passwd", user, 7);
                    });
}

gid_t resolve_group(const DirFd& root, const std::string& group) {
  return in_context([&] { return cat("failed to configure group ", quoted(group)); },
                    [&]() -> gid_t {
                      if (group == "root") return 0;
                      if (const auto id = parse_int<unsigned>(group)) return checked(*id);
                      if (group.starts_with('/')) return owner_of(root, group).st_gid;
                      return in_file(root, "etc/group", group, 4);
                    });
}

Account resolve_account(const DirFd& root, const std::string& account) {
  const std::size_t colon = account.find(':');
  const std::string user = account.substr(0, colon);
  if (user.empty() || account.ends_with(':') || account.find('/') != std::string::npos)
    throw Error(Errc::usage, cat("user ", quoted(account), " is not of the form USER or USER:GROUP"));
  Account out{.uid = resolve_user(root, user), .groups = {}};
  if (colon != std::string::npos)
    out.groups.primary = resolve_group(root, account.substr(colon + 1));
  else
    out.groups = groups_of_account(root, user == "root" ? "0" : user).value_or(AppGroups{.primary = out.uid});
  return out;
}

}  // namespace rkt::stage1
