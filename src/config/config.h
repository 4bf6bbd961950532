// SPDX-License-Identifier: Apache-2.0
// The rktKind configuration (images §6): system, local and user directories, merged per item.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rkt::config {

struct Auth {
  enum class Type { basic, oauth, aws } type = Type::basic;
  std::string user, password, token, access_key, secret_key, region;
};
struct DockerLogin {
  std::string user, password;
  int directory = 0;  ///< later ones override earlier ones
};
struct Config {
  std::map<std::string, Auth> auth;                          ///< by domain (host[:port])
  std::map<std::string, DockerLogin> docker_auth;            ///< by registry
  std::string data, stage1_images;                           ///< paths kind
  std::string stage1_name, stage1_version, stage1_location;  ///< stage1 kind
};
struct Directories {
  std::string system = "/usr/lib/rkt", local = "/etc/rkt", user;  ///< user: "" = none
};
/// Throws "cannot get configuration: …" chains with the reference's texts.
Config load(const Directories& dirs);

/// The dockerAuth that counts for a registry's host, in any case. Docker Hub's names are one registry: the last
/// directory that has any of them decides, and in it `host` itself, then the name that is contacted. nullptr: none.
const DockerLogin* find_docker_login(const Config& config, std::string_view host);

}  // namespace rkt::config
