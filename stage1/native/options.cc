// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/options.h"

#include <optional>

#include "base/error.h"
#include "base/strings.h"

namespace rkt::native {
namespace {

constexpr const char* kDefaultLocalConfig = "/etc/rkt";

// The words of a command line, taken one after the other.
class Words {
 public:
  explicit Words(const std::vector<std::string>& args) : args_(args) {}

  /// The next flag without its dashes and value; false at the first word that is no flag, or after "--".
  bool next_flag() {
    value_.reset();
    if (at_ == args_.size()) return false;
    std::string_view word = args_[at_];
    if (word == "--") {
      ++at_;
      return false;
    }
    if (!word.starts_with('-') || word.size() < 2) return false;
    ++at_;
    word.remove_prefix(word.starts_with("--") ? 2 : 1);
    if (const auto equals = word.find('='); equals != std::string_view::npos) {
      value_ = std::string(word.substr(equals + 1));
      word = word.substr(0, equals);
    }
    name_ = std::string(word);
    return true;
  }
  const std::string& name() const { return name_; }

  std::string value() {
    if (value_) return *value_;
    if (at_ == args_.size()) throw Error(Errc::usage, cat("flag needs an argument: --", name_));
    return args_[at_++];
  }
  bool on() const {
    if (!value_) return true;
    if (const auto b = parse_bool(*value_)) return *b;
    throw bad(*value_);
  }
  Error bad(std::string_view value) const {
    return Error(Errc::usage, cat("invalid value ", quoted(value), " for flag --", name_));
  }
  [[noreturn]] void unknown() const { throw Error(Errc::usage, cat("unknown flag: --", name_)); }

  std::vector<std::string> rest() const { return {args_.begin() + static_cast<std::ptrdiff_t>(at_), args_.end()}; }
  Uuid uuid() const {
    const auto words = rest();
    if (words.size() != 1) throw Error(Errc::usage, "a pod UUID is needed as the only argument");
    const auto id = Uuid::parse(words.front());
    if (!id) throw Error(Errc::usage, cat(quoted(words.front()), " is no pod UUID"));
    return *id;
  }

 private:
  const std::vector<std::string>& args_;
  std::size_t at_ = 0;
  std::string name_;
  std::optional<std::string> value_;
};

// resolv=MODE,hosts=MODE
void parse_dns_modes(const Words& words, const std::string& text, RunOptions& out) {
  for (const auto part : split(text, ',')) {
    if (part == "resolv=default")
      out.resolv = ResolvMode::from_network;
    else if (part == "resolv=host")
      out.resolv = ResolvMode::host;
    else if (part == "resolv=stage0")
      out.resolv = ResolvMode::stage0;
    else if (part == "resolv=none")
      out.resolv = ResolvMode::none;
    else if (part == "hosts=default")
      out.hosts = HostsMode::from_image;
    else if (part == "hosts=host")
      out.hosts = HostsMode::host;
    else if (part == "hosts=stage0")
      out.hosts = HostsMode::stage0;
    else
      throw words.bad(text);
  }
}

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

// Flags of other flavors and of later interfaces: refused rather than passed over, since each asks for isolation or for
// behaviour that the caller would miss.
void refuse(const Words& words) { words.unknown(); }

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
      parse_dns_modes(words, words.value(), out);
    else if (name == "ipc")
      parse_ipc(words, words.value(), out);
    else if (name == "net-plugins")
      parse_net_plugins(words, words.value(), out);
    else if (name == "private-users")
      parse_users(words, words.value(), out);
    else
      refuse(words);
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
      const std::string text = words.value();
      const auto pid = parse_int<int>(text);
      if (!pid || *pid <= 0) throw words.bad(text);
      out.pid = *pid;
    } else if (words.name() == "appname") {
      out.app = words.value();
    } else if (words.name() == "debug-root") {
      const std::string text = words.value();
      const auto fd = parse_int<int>(text);
      if (!fd || *fd <= 2) throw words.bad(text);
      out.debug_root = *fd;
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

namespace {

std::chrono::milliseconds parse_grace(Words& words) {
  const std::string text = words.value();
  const auto ms = parse_int<std::int32_t>(text);
  if (!ms || *ms < 0) throw words.bad(text);
  return std::chrono::milliseconds(*ms);
}

}  // namespace

StopOptions parse_stop(const std::vector<std::string>& args) {
  StopOptions out;
  Words words(args);
  while (words.next_flag()) {
    if (words.name() == "force")
      out.force = words.on();
    else if (words.name() == "grace")
      out.grace = parse_grace(words);
    else if (words.name() != "debug")
      words.unknown();
  }
  out.uuid = words.uuid();
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
      out.grace = parse_grace(words);
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
