// SPDX-License-Identifier: Apache-2.0
// The rktKind configuration (images §6): system, local and user directories, merged per item.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace rkt::config {

struct Auth {
  enum class Type { basic, oauth, aws } type = Type::basic;
  std::string user, password, token, access_key, secret_key, region;
};
struct Config {
  std::map<std::string, Auth> auth;                                        ///< by domain (host[:port])
  std::map<std::string, std::pair<std::string, std::string>> docker_auth;  ///< registry -> user, password
  std::string data, stage1_images;                                         ///< paths kind
  std::string stage1_name, stage1_version, stage1_location;                ///< stage1 kind
};
struct Directories {
  std::string system = "/usr/lib/rkt", local = "/etc/rkt", user;  ///< user: "" = none
};
/// Throws "cannot get configuration: …" chains with the reference's texts.
Config load(const Directories& dirs);

}  // namespace rkt::config
