// SPDX-License-Identifier: Apache-2.0
// User and group of an app, from what the image says, inside the image's root (reference: pods §4.5). Never NSS: the
// image's passwd and group are read as files, with links resolved inside the root.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "schema/appc/image_manifest.h"
#include "sys/dir.h"

namespace rkt::stage1 {

/// "root", a number, "/path" (its owner), or a name in etc/passwd. Throws `failed to configure user "x"` with the
/// reason.
uid_t resolve_user(const DirFd& root, const std::string& user);
gid_t resolve_group(const DirFd& root, const std::string& group);

struct AppGroups {
  gid_t primary = 0;
  std::vector<gid_t> of_image;  ///< more that the image's group file puts the user in
};

/// The groups of `app`, started from `image`; its own supplementary ones are not among them, and leave no room for any
/// of the image's. Where a Docker image names a user without a group, its manifest repeats the user as group: that
/// stands for what the image's passwd and group say of him (reference: images §9.3). Where passwd has no such user it
/// is the group of that name, else of the number `uid`.
AppGroups resolve_app_groups(const DirFd& root, const appc::App& app, const appc::ImageManifest& image, uid_t uid);

struct Account {
  uid_t uid = 0;
  AppGroups groups;
};

/// "USER" or "USER:GROUP", each a name or a number. Without a group: those that passwd and group give the user,
/// who else is alone in the group of the same number.
Account resolve_account(const DirFd& root, const std::string& account);

/// The number in the third field of the line whose first is `name`. Every line needs at least `fields` fields, or the
/// whole text is an error. Throws Errc::not_found.
unsigned find_account(std::string_view text, std::string_view name, std::size_t fields);

}  // namespace rkt::stage1
