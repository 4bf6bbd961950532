// SPDX-License-Identifier: Apache-2.0
#include "stage1/fly/options.h"

#include "base/error.h"
#include "base/strings.h"

namespace rkt::fly {
RunOptions parse_run(const std::vector<std::string>& args) {
  RunOptions out;
  stage1::Words words(args);
  while (words.next_flag()) {
    const std::string name = words.name();
    if (name == "debug") {
      out.debug = words.on();
    } else if (name == "interactive" || name == "disable-capabilities-restriction" || name == "disable-paths" ||
               name == "disable-seccomp") {
      (void)words.on();  // an app of fly has the caller's streams, and nothing confines it
    } else if (name == "local-config") {
      (void)words.value();
    } else if (name == "net") {
      const std::string net = words.value();
      if (net != "default" && net != "host") out.ignored.push_back(cat("net=", net));  // default: also without --net
    } else if (name == "hostname" || name == "mds-token") {
      if (!words.value().empty()) out.ignored.push_back(name);
    } else if (name == "private-users") {
      throw Error(Errc::unsupported, "--private-users is not supported by fly: its app has the users of the host")
          .exit_with(stage1::kBadFlag);
    } else if (name == "dns-conf-mode") {
      out.names = stage1::take_name_modes(words);
    } else {
      words.unknown();
    }
  }
  out.uuid = words.uuid();
  return out;
}

EnterOptions parse_enter(const std::vector<std::string>& args) {
  EnterOptions out;
  stage1::Words words(args);
  while (words.next_flag()) {
    if (words.name() == "pid")
      out.pid = words.number<int>(1);
    else if (words.name() == "appname")
      out.app = words.value();
    else if (words.name() == "user")
      out.user = words.value();
    else if (words.name() == "debug")
      (void)words.on();
    else
      words.unknown();
  }
  out.command = words.rest();
  if (out.pid == 0 || out.command.empty()) throw Error(Errc::usage, "--pid and a command are needed");
  return out;
}

}  // namespace rkt::fly
