// SPDX-License-Identifier: Apache-2.0
#include "stage1/fly/options.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/strings.h"

namespace rkt::fly {
namespace {

enum class Kind { toggle, value };
struct Known {
  std::string_view name;
  Kind kind;
};

struct Flag {
  std::string name, value;
};
struct Parsed {
  std::vector<Flag> flags;
  std::vector<std::string> rest;
};

// The status of a flag that this stage1 does not know is the one of the reference's parser.
Error unknown(std::string_view name) {
  return Error(Errc::usage, cat("flag provided but not defined: -", name)).exit_with(2);
}

// As the reference's parser: up to the first argument that is no flag, or past "--".
Parsed split_flags(const std::vector<std::string>& args, std::initializer_list<Known> known) {
  Parsed out;
  std::size_t i = 0;
  for (; i < args.size(); ++i) {
    std::string_view text = args[i];
    if (text == "--") {
      ++i;
      break;
    }
    if (text.size() < 2 || text[0] != '-') break;
    text.remove_prefix(text.starts_with("--") ? 2 : 1);
    const auto equals = text.find('=');
    const std::string_view name = text.substr(0, equals);
    const auto* spec = std::ranges::find(known, name, &Known::name);
    if (spec == known.end()) throw unknown(name);
    if (equals != std::string_view::npos)
      out.flags.push_back({std::string(name), std::string(text.substr(equals + 1))});
    else if (spec->kind == Kind::toggle)
      out.flags.push_back({std::string(name), "true"});
    else if (++i < args.size())
      out.flags.push_back({std::string(name), args[i]});
    else
      throw Error(Errc::usage, cat("flag needs an argument: -", name)).exit_with(2);
  }
  out.rest.assign(args.begin() + static_cast<std::ptrdiff_t>(std::min(i, args.size())), args.end());
  return out;
}

bool on(const Flag& f) {
  const auto value = parse_bool(f.value);
  if (!value) throw Error(Errc::usage, cat("invalid boolean value ", quoted(f.value), " for -", f.name)).exit_with(2);
  return *value;
}

Uuid only_uuid(const std::vector<std::string>& rest) {
  const auto uuid = rest.size() == 1 ? Uuid::parse(rest[0]) : std::nullopt;
  if (!uuid) throw Error(Errc::usage, "UUID is missing or malformed");
  return *uuid;
}

// resolv=MODE,hosts=MODE
void parse_dns_mode(std::string_view text, RunOptions& out) {
  for (const auto item : split(text, ',')) {
    if (item == "resolv=default")
      out.resolv = ResolvMode::from_image;
    else if (item == "resolv=host")
      out.resolv = ResolvMode::host;
    else if (item == "resolv=stage0")
      out.resolv = ResolvMode::stage0;
    else if (item == "resolv=none")
      out.resolv = ResolvMode::none;
    else if (item == "hosts=default")
      out.hosts = HostsMode::from_image;
    else if (item == "hosts=host")
      out.hosts = HostsMode::host;
    else if (item == "hosts=stage0")
      out.hosts = HostsMode::stage0;
    else
      throw Error(Errc::usage, cat("invalid value ", quoted(item), " in -dns-conf-mode"));
  }
}

}  // namespace

RunOptions parse_run(const std::vector<std::string>& args) {
  const Parsed in = split_flags(args, {{"debug", Kind::toggle},
                                       {"interactive", Kind::toggle},
                                       {"disable-capabilities-restriction", Kind::toggle},
                                       {"disable-paths", Kind::toggle},
                                       {"disable-seccomp", Kind::toggle},
                                       {"net", Kind::value},
                                       {"mds-token", Kind::value},
                                       {"local-config", Kind::value},
                                       {"hostname", Kind::value},
                                       {"dns-conf-mode", Kind::value}});
  RunOptions out;
  for (const auto& f : in.flags) {
    if (f.name == "debug") out.debug = on(f);
    if (f.name == "dns-conf-mode") parse_dns_mode(f.value, out);
    if (f.name == "net" && f.value != "default" && f.value != "host")  // default: also without --net
      out.ignored.push_back(cat("net=", f.value));
    if ((f.name == "hostname" || f.name == "mds-token") && !f.value.empty()) out.ignored.push_back(f.name);
  }
  out.uuid = only_uuid(in.rest);
  return out;
}

EnterOptions parse_enter(const std::vector<std::string>& args) {
  const Parsed in = split_flags(args, {{"debug", Kind::toggle}, {"pid", Kind::value}, {"appname", Kind::value}});
  EnterOptions out;
  for (const auto& f : in.flags) {
    if (f.name == "pid") out.pid = parse_int<int>(f.value).value_or(0);
    if (f.name == "appname") out.app = f.value;
  }
  if (out.pid <= 0) throw Error(Errc::usage, "a process ID is needed: --pid");
  if (in.rest.empty()) throw Error(Errc::usage, "no command specified");
  out.command = in.rest;
  return out;
}

StopOptions parse_stop(const std::vector<std::string>& args) {
  const Parsed in = split_flags(args, {{"debug", Kind::toggle}, {"force", Kind::toggle}});
  StopOptions out;
  for (const auto& f : in.flags)
    if (f.name == "force") out.force = on(f);
  out.uuid = only_uuid(in.rest);
  return out;
}

}  // namespace rkt::fly
