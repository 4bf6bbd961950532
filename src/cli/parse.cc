// SPDX-License-Identifier: Apache-2.0
#include "cli/parse.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <optional>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "cli/parser.h"
#include "cli/usage.h"
#include "sys/file.h"
#include "sys/rootless.h"

namespace rkt::cli {
namespace {

void to_stderr(std::string_view text) { write_all(STDERR_FILENO, text, "standard error"); }

std::string last_word(std::string_view path) { return std::string(path.substr(path.find_last_of(' ') + 1)); }

std::string absolute(const std::string& path) {
  if (path.empty() || path[0] == '/') return path;
  const std::unique_ptr<char, decltype(&::free)> cwd(::getcwd(nullptr, 0), &::free);
  if (!cwd) throw Error::from_errno("read the current directory");
  return cat(cwd.get(), "/", path);
}

// Of who is not root: $XDG_DATA_HOME/rkt, unless the host's directory is open to him (group rkt), and
// $XDG_CONFIG_HOME/rkt on top of the host's configuration.
void add_own_places(const Parsed& in, Globals& g) {
  const auto below = [](const char* variable, const char* fallback) {
    const std::string dir = env(variable).value_or(""), home = env("HOME").value_or("");
    if (dir.starts_with('/')) return cat(dir, "/rkt");
    return home.starts_with('/') ? cat(home, fallback, "/rkt") : std::string();
  };
  if (!in.given("user-config")) g.dirs.user = below("XDG_CONFIG_HOME", "/.config");
  if (::access("/var/lib/rkt/cas", R_OK | X_OK) < 0) g.own_data = below("XDG_DATA_HOME", "/.local/share");
  if (!in.given("local-config")) g.own_keys = g.dirs.user;
}

Globals read_globals(const Parsed& in) {
  Globals g;
  g.debug = in.on("debug");
  if (in.given("dir")) {
    g.dir = absolute(in.text("dir"));
  }
  g.dirs = {.system = absolute(in.text("system-config")),
            .local = absolute(in.text("local-config")),
            .user = absolute(in.text("user-config"))};
  if (::geteuid() != 0) add_own_places(in, g);
  g.insecure = image::Insecure::parse(in.text("insecure-options"));
  g.trust_keys_from_https = in.on("trust-keys-from-https");
  g.trees = {.backend = tree::parse_backend(in.text("tree-backend")), .check = !g.insecure.ondisk};
  return g;
}

int unknown_command(std::span<const Command> commands, const Found& found) {
  if (!found.group.empty()) {
    to_stdout(usage(commands, found.group, true));
    return 0;
  }
  std::string text = cat("Error: unknown command ", quoted(found.unknown), " for \"rkt\"\n");
  const auto close = suggestions(commands, found.unknown);
  if (!close.empty()) {
    text += "\nDid you mean this?\n";
    for (const auto& s : close) text += cat("\t", s, "\n");
    text += "\n";
  }
  to_stderr(text + "Run 'rkt --help' for usage.\n");
  return 254;
}

int help_command(std::span<const Command> commands, const std::vector<std::string>& words) {
  std::vector<std::string> topic;
  for (const auto& w : words)
    if (!w.starts_with("-")) topic.push_back(w);
  const Found found = find_command(commands, topic, global_flags());
  const std::string_view path = found.command != nullptr ? found.command->name : std::string_view(found.group);
  if (!found.unknown.empty() && found.group.empty()) {
    to_stderr(cat("Unknown help topic [`", join(topic, "` `"), "`]."));
    to_stdout(usage(commands, ""));
    return 0;
  }
  to_stdout(usage(commands, path == "help" ? "" : path));
  return 0;
}

// A command line without a command word: flags may still ask for help or be wrong.
int no_command(std::span<const Command> commands, const Found& found) {
  static const Command root{.name = "", .args = {}, .brief = {}, .description = {}, .flags = [] { return Flags(); }};
  Parser parser(root, global_flags());
  try {
    parser.parse(found.rest);
  } catch (const Error& e) {
    to_stderr(cat("Error: ", e.brief(), "\n\n"));
    to_stdout(usage(commands, found.group));
    return 254;
  }
  if (parser.help_asked() || !found.group.empty()) {
    to_stdout(usage(commands, found.group, !parser.help_asked()));
    return 0;
  }
  to_stderr("rkt: missing command\n");
  to_stdout(usage(commands, "", true));
  return 2;
}

int report(const Error& e, const std::string& name) {
  log::note(name, log::debug_on() ? e.tree() : e.brief());
  return e.exit_code();
}

// Whatever was written: nearly always it lies in the data directory, and that is what can be freed.
std::string space_hint(Env& env) {
  try {
    return cat("free space for the data directory ", quoted(env.data_dir()),
               ", for example with `rkt image gc --unused`");
  } catch (const Error&) {
    return "free space, for example with `rkt image gc --unused`";
  }
}

// "": it was something else.
std::string read_only_hint(Env& env) {
  struct statvfs fs{};
  try {
    if (::statvfs(env.data_dir().c_str(), &fs) < 0 || (fs.f_flag & ST_RDONLY) == 0) return {};
    return cat("the data directory ", quoted(env.data_dir()), " is on a read-only file system");
  } catch (const Error&) {
    return {};
  }
}

// What root makes in the data directory is for its group to read, whatever the umask says. What is to be written by it,
// or not to be read, has a mode of its own.
void share_with_group() {
  const mode_t mask = ::umask(S_IRWXG | S_IRWXO);
  ::umask(mask & ~mode_t{S_IRGRP | S_IXGRP});
}

void take_powers(const Command& command, Env& env) {
  if (::geteuid() == 0) return;
  if (!env.owns_data()) {
    if (command.power == Command::Power::trees) return;
    throw Error(Errc::denied, "cannot run as unprivileged user")
        .hint(cat("the data directory ", quoted(env.data_dir()), " is not yours: use --dir, or root"));
  }
  if (command.power == Command::Power::pod) return;
  const std::string why = become_root_of_own_namespace();
  if (!why.empty() && command.args_mode == Command::Args::images)
    env.err(cat("one id only, files of others become yours: ", why));
}

int run_command(std::span<const Command> commands, const Found& found) {
  const Command& command = *found.command;
  const std::string name = last_word(command.name);
  Parser parser(command, global_flags());
  try {
    parser.parse(found.rest);
    for (const auto& line : parser.notes()) to_stderr(line + "\n");
    if (parser.help_asked()) {
      to_stdout(usage(commands, command.name));
      return 0;
    }
  } catch (Error& e) {
    if (parser.in_images()) {
      e.push(command.app_args ? "error parsing app image arguments" : "unable to parse arguments");
      return report(e, name);
    }
    to_stderr(cat("Error: ", e.brief(), "\n\n"));
    to_stdout(usage(commands, command.name));
    return 254;
  }
  std::optional<Env> env;
  try {
    Globals globals = read_globals(parser.globals());
    log::set_debug(globals.debug);
    env.emplace(name, std::move(globals));
    if (::geteuid() == 0 && known_ids() == Ids::all) share_with_group();
    if (command.power != Command::Power::none) take_powers(command, *env);
    return command.run(*env, parser.command());
  } catch (const UsageWanted&) {
    to_stdout(usage(commands, command.name));
    return 254;
  } catch (Error& e) {
    if (e.disk_full() && env && e.remedy().empty()) e.hint(space_hint(*env));
    if (e.sys_errno() == EROFS && env && e.remedy().empty()) e.hint(read_only_hint(*env));
    return report(e, name);
  }
}

void check_insecure(const std::string& v) { image::Insecure::parse(v); }
void check_backend(const std::string& v) { tree::parse_backend(v); }
void check_directory(const std::string& v) {
  if (v.empty()) throw Error(Errc::usage, "\"\" is not a valid directory");
}
Flag ignored(std::string_view name) {
  Flag f = text(name, "", "taken, without effect");
  f.hidden = true;
  return f;
}
Flag directory(std::string_view name, std::string_view fallback, std::string_view help) {
  return checked(text(name, fallback, help), check_directory);
}

int dispatch(std::span<const Command> commands, const std::vector<std::string>& argv) {
  const Found found = find_command(commands, argv, global_flags());
  if (!found.unknown.empty()) return unknown_command(commands, found);
  if (found.group == "help") return help_command(commands, found.rest);
  if (found.command == nullptr) return no_command(commands, found);
  return run_command(commands, found);
}

}  // namespace

std::span<const Flag> global_flags() {
  static const Flags flags = {
      toggle("debug", false, "print out more debug information to stderr"),
      directory("dir", "/var/lib/rkt", "rkt data directory"),
      directory("local-config", "/etc/rkt", "local configuration directory"),
      directory("system-config", "/usr/lib/rkt", "system configuration directory"),
      directory("user-config", "", "user configuration directory"),
      checked(text("insecure-options", "none",
                   "comma-separated list of checks to turn off: \"none\", \"image\", \"tls\", \"ondisk\", \"http\", "
                   "\"pubkey\", \"capabilities\", "
                   "\"paths\", \"seccomp\", \"all-fetch\", \"all-run\", \"all\""),
              check_insecure),
      toggle("trust-keys-from-https", false, "trust keys that are downloaded over https without asking"),
      checked(text("tree-backend", "auto",
                   "how images are unpacked: \"erofs\" (one file a layer), \"dir\" (directories) or \"auto\""),
              check_backend),
      ignored("cpuprofile"),
      ignored("memprofile"),
  };
  return flags;
}

int run_main(std::span<const Command> commands, const std::vector<std::string>& argv) {
  try {
    return dispatch(commands, argv);
  } catch (const ReaderGone&) {  // all is undone: end without a word, as others do
    ::signal(SIGPIPE, SIG_DFL);
    ::raise(SIGPIPE);
    return 128 + SIGPIPE;
  }
}

}  // namespace rkt::cli
