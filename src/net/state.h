// SPDX-License-Identifier: Apache-2.0
// POD/net-state.json: what DEL needs of every network that was begun, private to our stage1. Written before the first
// plugin of a network runs and again with its result, so that a crash at any point leaves a record of what may exist.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "json/value.h"
#include "net/builtin/config.h"
#include "net/request.h"
#include "sys/dir.h"

namespace rkt::net {

/// A network that this pod was attached to, or was about to be.
struct Attachment {
  std::string name, file, if_name, args, cni_version;
  bool masquerades = false;  ///< rules on the host may be left when its plugins cannot remove them
  std::vector<Step> steps;
  bool builtin = false;               ///< we did ADD ourselves, and do DEL
  bool collects = false;              ///< its plugins have GC: membership.h
  bool checks = true;                 ///< unless the network disables CHECK
  std::vector<std::string> plugins;   ///< else the program of each step
  std::optional<json::Value> result;  ///< of the last step
  std::optional<json::Value> record;  ///< of a built-in one: what its DEL needs
};

std::string write_state(const std::vector<Attachment>& attachments);
std::vector<Attachment> parse_state(std::string_view bytes);

void save_state(const DirFd& pod, const std::vector<Attachment>& attachments);
std::vector<Attachment> load_state(const DirFd& pod);  ///< none when there is no file

/// Whether ports of the pod are forwarded by it.
bool forwards_ports(const Attachment& a);

/// The attachment's chain as the built-in plugins read it; or why it is not theirs.
std::expected<builtin::Network, std::string> plan_builtin(const Attachment& a);
/// Whether they can serve it, on this kernel.
bool is_for_builtin(const Attachment& a);

}  // namespace rkt::net
