// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/options.h"

#include <optional>

#include "base/error.h"
#include "base/strings.h"

namespace rkt::native {
namespace {

using stage1::Words;

constexpr const char* kDefaultLocalConfig = "/etc/rkt";
constexpr int kFirstDescriptor = 3;  // that is no standard stream

void parse_ipc(const Words& words, const std::string& text, RunOptions& out) {
  if (text != "auto" && text != "private" && text != "parent") throw words.bad(text);
  out.host_ipc = text == "parent";
}

void parse_net_plugins(const Words& words, const std::string& text, RunOptions& out) {
  if (text != "auto" && text != "external") throw words.bad(text);
  out.external_plugins = text == "external";
}

void parse_users(const Words& words, const std::string& text, RunOptions& out) {
  if (text.empty()) return;
  out.users = IdRange::parse(text);
  if (!out.users || out.users->shift == 0 || out.users->count == 0) throw words.bad(text);
}

bool parse_switch(const Words& words, RunOptions& out) {
  const std::string& name = words.name();
  if (name == "debug")
    out.debug = words.on();
  else if (name == "interactive")
    out.interactive = words.on();
  else if (name == "mutable")
    out.mutable_pod = words.on();
  else if (name == "disable-capabilities-restriction")
    out.restrictions.capabilities = !words.on();
  else if (name == "disable-paths")
    out.restrictions.paths = !words.on();
  else if (name == "disable-seccomp")
    out.restrictions.seccomp = !words.on();
  else
    return false;
  return true;
}

}  // namespace

RunOptions parse_run(const std::vector<std::string>& args) {
  RunOptions out;
  out.local_config = kDefaultLocalConfig;
  Words words(args);
  std::vector<std::string> net;
  while (words.next_flag()) {
    const std::string& name = words.name();
    if (parse_switch(words, out)) continue;
    if (name == "net")
      net.push_back(words.value());
    else if (name == "mds-token")
      out.mds_token = words.value();
    else if (name == "local-config")
      out.local_config = words.value();
    else if (name == "hostname")
      out.hostname = words.value();
    else if (name == "dns-conf-mode")
      out.names = stage1::take_name_modes(words);
    else if (name == "ipc")
      parse_ipc(words, words.value(), out);
    else if (name == "net-plugins")
      parse_net_plugins(words, words.value(), out);
    else if (name == "private-users")
      parse_users(words, words.value(), out);
    else  // of another flavor or a later interface: it asks for something that the caller would miss
      words.unknown();
  }
  out.net = cni::NetList::parse(net.empty() ? std::vector<std::string>{"default"} : net);
  out.uuid = words.uuid();
  return out;
}

EnterOptions parse_enter(const std::vector<std::string>& args) {
  EnterOptions out;
  Words words(args);
  while (words.next_flag()) {
    if (words.name() == "pid") {
      out.pid = words.number<int>(1);
    } else if (words.name() == "appname") {
      out.app = words.value();
    } else if (words.name() == "user") {
      out.user = words.value();
    } else if (words.name() == "own-root") {
      out.own_root = words.number<int>(kFirstDescriptor);
    } else if (words.name() == "debug-root") {
      out.debug_root = words.number<int>(kFirstDescriptor);
    } else if (words.name() == "debug-environment") {
      out.debug_environment.push_back(words.value());
    } else {
      words.unknown();
    }
  }
  out.command = words.rest();
  if (out.pid == 0 || out.command.empty()) throw Error(Errc::usage, "--pid and a command are needed");
  return out;
}

AppOptions parse_app(const std::vector<std::string>& args) {
  AppOptions out;
  Words words(args);
  while (words.next_flag()) {
    if (words.name() == "debug")
      out.debug = words.on();
    else if (words.name() == "app")
      out.app = words.value();
    else if (words.name() == "uuid")
      (void)words.value();  // the pod is where it was called
    else if (words.name() == "force")
      out.force = words.on();
    else if (words.name() == "grace")
      out.grace = std::chrono::milliseconds(words.number<std::int32_t>(0));
    else
      words.unknown();
  }
  if (out.app.empty() || out.app.find(' ') != std::string::npos) throw Error(Errc::usage, "--app needs a name");
  return out;
}

AttachOptions parse_attach(const std::vector<std::string>& args) {
  AttachOptions out;
  Words words(args);
  std::string action, streams;
  while (words.next_flag()) {
    const std::string& name = words.name();
    if (name == "action")
      action = words.value();
    else if (name == "app")
      out.app = words.value();
    else if (name == "stdin" || name == "stdout" || name == "stderr" || name == "tty-in" || name == "tty-out")
      streams += words.on() ? cat(streams.empty() ? "" : ",", name) : "";
    else if (name != "debug")
      words.unknown();
  }
  if (out.app.empty() || out.app.find(' ') != std::string::npos) throw Error(Errc::usage, "--app needs a name");
  out.list = action == "list";
  if (action == "custom-attach")
    out.streams = streams;
  else if (action != "auto-attach" && action != "list")
    throw Error(Errc::usage, "--action must be list, auto-attach or custom-attach");
  if (out.streams.empty()) throw Error(Errc::usage, "no stream to attach to");
  return out;
}

GcOptions parse_gc(const std::vector<std::string>& args) {
  GcOptions out;
  out.local_config = kDefaultLocalConfig;
  Words words(args);
  while (words.next_flag()) {
    if (words.name() == "debug")
      out.debug = words.on();
    else if (words.name() == "local-config")
      out.local_config = words.value();
    else
      words.unknown();
  }
  out.uuid = words.uuid();
  return out;
}

}  // namespace rkt::native
