// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/app_ids.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "stage1/common/accounts.h"
#include "stage1/native/app_child.h"
#include "sys/rootless.h"

namespace rkt::native {
namespace {

// The owner of a path of the image, seen from the host.
uid_t as_the_pod_sees(uid_t id, const std::string& name, const std::optional<IdRange>& users) {
  if (!users || !name.starts_with('/')) return id;
  if (id < users->shift || id - users->shift >= users->count)
    throw Error(Errc::invalid, cat("the owner of ", quoted(name), " is nobody in the pod"));
  return id - users->shift;
}

bool in_range(uid_t id, const std::optional<IdRange>& users) {
  return users ? id < users->count : id == 0 || (has_user(id) && has_group(id));
}

void check_range(uid_t id, const std::optional<IdRange>& users) {
  if (in_range(id, users)) return;
  if (!users)
    throw Error(Errc::unsupported, cat("ID ", id, " is nobody in this user namespace"))
        .hint("install newuidmap (package uidmap) and give yourself ranges in /etc/subuid and /etc/subgid");
  throw Error(Errc::unsupported, cat("ID ", id, " does not fit into ", users->count, " private users"));
}

}  // namespace

AppIds find_ids(const PodApp& app, const DirFd& root, const std::optional<IdRange>& users) {
  AppIds out;
  const auto attempt = [&](AppStep step, auto&& body) {
    try {
      body();
    } catch (const Error& e) {
      out.fault = {.status = status_of(step), .text = e.brief()};
    }
  };
  const appc::App& a = app.app();
  attempt(AppStep::user, [&] {
    out.uid = as_the_pod_sees(stage1::resolve_user(root, a.user), a.user, users);
    check_range(out.uid, users);
  });
  if (!out.fault)
    attempt(AppStep::group, [&] {
      auto groups = stage1::resolve_app_groups(root, a, app.image, out.uid);
      out.gid = as_the_pod_sees(groups.primary, a.group, users);
      check_range(out.gid, users);
      std::erase_if(groups.of_image, [&](gid_t g) { return !in_range(g, users); });  // nobody asked for those
      out.groups = std::move(groups.of_image);
    });
  out.groups.insert(out.groups.begin(), out.gid);
  for (const auto g : app.app().supplementary_gids) {
    if (g < 0 || g >= UINT32_MAX) throw Error(Errc::invalid, "Invalid uid or gid");
    check_range(static_cast<gid_t>(g), users);
    out.groups.push_back(static_cast<gid_t>(g));
  }
  return out;
}

AppIds find_account_ids(const DirFd& root, const std::string& account, const std::optional<IdRange>& users) {
  const auto found = stage1::resolve_account(root, account);
  AppIds out{.uid = found.uid, .gid = found.groups.primary, .groups = found.groups.of_image, .fault = {}};
  check_range(out.uid, users);
  check_range(out.gid, users);
  std::erase_if(out.groups, [&](gid_t g) { return !in_range(g, users); });
  out.groups.insert(out.groups.begin(), out.gid);
  return out;
}

}  // namespace rkt::native
