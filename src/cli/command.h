// SPDX-License-Identifier: Apache-2.0
// What a command is: its flags, its text and its function. Usage, help and completion are generated from these values;
// the list of all commands is src/cmd/commands.cc. Their texts are literals, so that describing them costs a start
// nothing. The grammar is the reference's (cli chapter 1, 7.1): parse.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rkt::cli {

class Env;
class Parsed;

/// Thrown by a command whose arguments make no sense: its usage is printed on stdout, status 254.
struct UsageWanted {};
/// Thrown when standard output is a pipe that nobody reads any more: the command ends as one that SIGPIPE kills.
struct ReaderGone {};

struct Flag {
  enum class Kind {
    boolean,
    text,
    list /* accumulates */,
    duration,
    integer,
    choice_text /* optional value: --wait[=V] */
  };
  std::string_view name;
  Kind kind = Kind::text;
  std::string_view fallback;  ///< default as printed in help; the value when the flag is absent
  std::string_view help;
  std::string_view bare;        ///< value of the bare form, for boolean ("true") and optional values ("default")
  bool optional_value = false;  ///< takes its value only with "="
  bool hidden = false;
  bool unquoted = false;        ///< text whose default help shows without quotes
  char letter = 0;              ///< short form: -f
  std::string_view deprecated;  ///< hint; each use prints "Flag --NAME has been deprecated, HINT"
  bool per_image = false;       ///< belongs to the image before it ("--X must follow an image")
  bool also_before = false;     ///< per_image, but before the first image it counts for all (--mount)
  /// What of its earlier uses makes another one wrong: `image`: any, for the same image; `key`: one with the same NAME
  /// of NAME=VALUE.
  enum class Once { no, image, key } once = Once::no;
  std::string_view only_one_of;  ///< flags with the same word here exclude each other, and are given once
  /// Throws for a bad value; its text becomes the REASON of: invalid argument "VALUE" for TOKEN: REASON.
  void (*check)(const std::string& value) = nullptr;
  /// The same for values that depend on each other: gets those of all uses so far, the new one last.
  void (*check_all)(const std::vector<std::string>& values) = nullptr;
};

using Flags = std::vector<Flag>;

/// Throws Errc::usage for bytes that are not UTF-8, and NUL: what the pod manifest is to hold must be readable there.
/// `place` goes before that.
void require_text(std::string_view value, std::string_view place = {});

Flag toggle(std::string_view name, bool fallback, std::string_view help);
Flag text(std::string_view name, std::string_view fallback, std::string_view help);
Flag list(std::string_view name, std::string_view help);
Flag unquoted(Flag flag);
Flag checked(Flag flag, void (*check)(const std::string& value));       ///< unquoted, too
Flag checked_text(Flag flag, void (*check)(const std::string& value));  ///< a plain string to the reference
Flag once(Flag::Once what, Flag flag);
Flag lettered(char letter, Flag flag);  ///< with a short form; for booleans
Flag duration(std::string_view name, std::string_view fallback, std::string_view help);
Flag uuid_file();  ///< --uuid-file of status, stop, rm, cat-manifest
Flag format();     ///< --format= json | json-pretty

struct Command {
  std::string_view name;         ///< "image list" for a nested one
  std::string_view args;         ///< as in the usage line: "UUID ..."
  std::string_view brief;        ///< one line of the command list
  std::string_view description;  ///< paragraphs for help, or ""
  Flags (*flags)() = [] { return Flags(); };
  /// mixed: flags and positionals in any order. stop: flags end at the first positional (enter). images: the second
  /// parser of run, prepare and fetch takes over there.
  enum class Args { mixed, stop, images } args_mode = Args::mixed;
  bool app_args = false;  ///< images: "--" starts arguments of the app (fetch refuses them)
  /// What it needs of root's powers. Who is not root has them in a user namespace, over a data directory of his own
  /// (docs/devel/rootless.md); over another one, `trees` goes on without, the others end with "cannot run as
  /// unprivileged user". `pod`: the command itself joins the namespace of the pod.
  enum class Power : std::uint8_t { none, trees, root, pod } power = Power::none;
  bool hidden = false;
  bool ours = false;  ///< not the reference's, or not known there without being asked for: see find_command()
  int (*run)(Env& env, const Parsed& in) = nullptr;
};

/// One use of a flag: for flags whose order or owner matters.
struct Use {
  std::string name, value;
};

/// One image of run, prepare or fetch with the flags and arguments that follow it.
struct ImageArgs {
  std::string image;
  std::vector<Use> flags;         ///< per-image flags in the order given
  std::vector<std::string> args;  ///< after "--"

  std::optional<std::string> last(std::string_view flag) const;
  std::vector<std::string> all(std::string_view flag) const;
};

/// The parsed command line. Asking for a flag that the command does not have is a bug (Errc::bug).
class Parsed {
 public:
  bool given(std::string_view flag) const;
  bool on(std::string_view flag) const;                  ///< boolean
  const std::string& text(std::string_view flag) const;  ///< last value or the default
  const std::vector<std::string>& list(std::string_view flag) const;
  std::chrono::nanoseconds duration(std::string_view flag) const;
  std::vector<std::string> args;  ///< positionals
  std::vector<ImageArgs> images;  ///< Args::images
 private:
  friend class Parser;  // src/cli/parse.cc
  struct Slot {
    Flag flag;
    std::vector<std::string> values;
    std::string current;
  };
  void take(std::span<const Flag> flags);
  const Slot& slot(std::string_view flag) const;
  std::vector<Slot> slots_;
};

}  // namespace rkt::cli
