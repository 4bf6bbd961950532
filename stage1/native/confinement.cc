// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/confinement.h"

#include <algorithm>
#include <span>

#include "base/error.h"
#include "base/strings.h"
#include "stage1/native/syscall_sets.h"
#include "sys/file.h"
#include "sys/selinux.h"

namespace rkt::native {
namespace {

// Made at build time by default_seccomp_gen: starting a pod must not pay for looking up four hundred names.
#include "stage1/native/default_seccomp.inc"

CapMask mask_of(const std::vector<std::string>& names, std::vector<std::string>& warnings) {
  CapMask out = 0;
  for (const auto& name : names) {
    if (const auto cap = parse_cap(name))
      out |= cap_bit(*cap);
    else if (!name.empty())  // which is how a flag without names is written
      warnings.push_back(cat("warning: unknown capability ", quoted(name), " ignored"));
  }
  return out;
}

// The names of a list, wildcards expanded. `all` and `none`: whether those wildcards were among them.
struct Expanded {
  std::vector<std::string> names;
  bool all = false, none = false;
};

Expanded expand(const appc::SeccompSet& set) {
  Expanded out;
  for (const auto& name : set.names) {
    if (name == "@appc.io/all") {
      out.all = true;
    } else if (name == "@appc.io/empty") {
      out.none = true;
    } else if (!name.starts_with('@')) {
      out.names.push_back(name);
    } else if (auto members = expand_set(name)) {
      std::ranges::move(*members, std::back_inserter(out.names));
    } else {
      throw Error(Errc::invalid, cat("unknown seccomp set ", quoted(name)));
    }
  }
  return out;
}

void add_essentials(SeccompRules& rules) {
  for (const auto name : essential_calls()) rules.names.emplace_back(name);
}

// The program for what most apps have; empty: it has to be made. What counts is that it is the same, byte for byte.
std::span<const sock_filter> find_made(const std::optional<appc::SeccompSet>& set) {
  if (!set) return kDefaultFilter;
  if (set->names.size() != 1 || !set->errno_name.empty()) return {};
  const std::string& name = set->names.front();
  if (set->mode == appc::SeccompSet::Mode::remove)
    return name == "@appc.io/empty" ? std::span(kDefaultFilter) : std::span<const sock_filter>();
  const bool is_default = name == "@rkt/default-whitelist" || name == "@docker/default-whitelist";
  return is_default ? std::span(kRetainedDefaultFilter) : std::span<const sock_filter>();
}

// An image for i386 keeps its sockets, and with those of socketcall the ones to the hypervisor.
std::optional<std::vector<sock_filter>> plan_filter(const std::optional<appc::SeccompSet>& set, bool i386) {
  if (const auto made = find_made(set); !made.empty() && !i386) return std::vector(made.begin(), made.end());
  auto rules = set ? plan_seccomp(*set) : default_seccomp();
  if (!rules) return std::nullopt;
  rules->hidden_families = i386;
  return make_seccomp_program(*rules);
}

// An app's own is all that counts for it.
std::optional<ExecLabel> plan_label(const appc::Isolators& isolators, const std::string& of_pod) {
  if (isolators.selinux && !isolators.apparmor_profile.empty())
    throw Error(Errc::invalid, "an SELinux context and an AppArmor profile exclude each other");
  if (!isolators.apparmor_profile.empty())
    return ExecLabel{.module = ExecLabel::Module::apparmor, .text = cat("exec ", isolators.apparmor_profile)};
  if (!isolators.selinux && of_pod.empty()) return std::nullopt;
  if (!isolators.selinux) return ExecLabel{.text = of_pod, .of_pod = true};
  const appc::SelinuxContext& c = *isolators.selinux;
  return ExecLabel{.text = cat(c.user, ":", c.role, ":", c.type, ":", c.level)};
}

}  // namespace

const char* ExecLabel::file() const noexcept {
  return module == Module::selinux ? "self/attr/exec" : "self/attr/apparmor/exec";
}

void check_label_support(const ExecLabel& label) {
  if (label.module == ExecLabel::Module::selinux) {
    const std::string context = cat("SELinux context ", quoted(label.text));
    if (!selinux_active()) throw Error(Errc::unsupported, cat(context, ": SELinux is not active on this host"));
    if (!selinux_knows(label.text))
      throw Error(Errc::invalid, cat(context, ": the policy that is loaded knows no such context"))
          .hint(label.of_pod ? "load the policy under which the pod was started, or run the app in a new pod"
                             : "correct isolator os/linux/selinux-context of the app");
    return;
  }
  const auto enabled = find_file_text(DirFd::open("/"), "sys/module/apparmor/parameters/enabled", 64);
  if (!trim(enabled.value_or("")).starts_with('Y'))
    throw Error(Errc::unsupported, "isolator os/linux/apparmor-profile: AppArmor is not active on this host");
}

CapMask plan_caps(const appc::Isolators& isolators, std::vector<std::string>& warnings) {
  if (isolators.caps_retain && isolators.caps_remove)
    throw Error(Errc::invalid, "capabilities cannot be both retained and removed");
  if (isolators.caps_retain) return mask_of(*isolators.caps_retain, warnings);
  if (isolators.caps_remove) return kDefaultCaps & ~mask_of(*isolators.caps_remove, warnings);
  return kDefaultCaps;
}

std::optional<SeccompRules> plan_seccomp(const appc::SeccompSet& set) {
  int err = 0;
  if (!set.errno_name.empty()) {
    const auto number = parse_errno(set.errno_name);
    if (!number) throw Error(Errc::invalid, cat("unknown seccomp errno ", quoted(set.errno_name)));
    err = *number;
  }
  Expanded expanded = expand(set);
  SeccompRules rules{.err = err};
  if (set.mode == appc::SeccompSet::Mode::retain) {
    if (expanded.all) return std::nullopt;
    rules.names = std::move(expanded.names);
    add_essentials(rules);
    return rules;
  }
  if (expanded.none) {
    rules = default_seccomp();
    rules.err = err;
    return rules;
  }
  if (expanded.all) {  // everything removed
    add_essentials(rules);
    return rules;
  }
  rules.mode = SeccompRules::Mode::refuse;
  // Who refuses unshare means new namespaces, which clone makes too.
  rules.refuse_new_namespaces = std::ranges::find(expanded.names, "unshare") != expanded.names.end();
  const auto essentials = essential_calls();
  std::erase_if(expanded.names,
                [&](const std::string& n) { return std::ranges::find(essentials, n) != essentials.end(); });
  rules.names = std::move(expanded.names);
  return rules;
}

Confinement plan_confinement(const appc::Isolators& isolators, uid_t uid, const Restrictions& restrictions,
                             std::string_view arch) {
  Confinement out;
  out.caps = restrictions.capabilities ? plan_caps(isolators, out.warnings) : kAllCaps;
  if (restrictions.capabilities && restrictions.foreign_sockets) out.caps &= ~kNetworkCaps;
  if (restrictions.seccomp) out.filter = plan_filter(isolators.seccomp, arch == "i386");
  // A filter must not be handed to a set-user-ID program, unless root installed it.
  out.no_new_privs = isolators.no_new_privs || (uid != 0 && out.filter.has_value());
  out.label = plan_label(isolators, restrictions.selinux.process);
  return out;
}

}  // namespace rkt::native
