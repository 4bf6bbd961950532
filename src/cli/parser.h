// SPDX-License-Identifier: Apache-2.0
// Inside of src/cli: turns the tokens behind a command word into Parsed. Pure: prints nothing.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/command.h"

namespace rkt::cli {

/// One command line. Flag errors are Errc::usage: printed as "Error: TEXT", an empty line, and usage on stdout.
class Parser {
 public:
  Parser(const Command& command, std::span<const Flag> globals);

  /// Phase one: flags and positionals by the command's mode. Throws Errc::usage for flag errors.
  /// Afterwards `in_images()` tells whether the error came from the second parser (no usage is printed then).
  void parse(const std::vector<std::string>& tokens);
  bool in_images() const noexcept { return in_images_; }
  bool help_asked() const noexcept { return help_; }
  const std::vector<std::string>& notes() const noexcept { return notes_; }  ///< deprecations, for stderr
  Parsed& command() noexcept { return command_parsed_; }
  Parsed& globals() noexcept { return globals_parsed_; }

 private:
  const Flag* find(std::string_view name) const;
  bool take_flag(const std::vector<std::string>& tokens, std::size_t& at);
  void take_letters(const std::string& token);
  std::string conflict(const Flag& flag, const std::string& value) const;
  void check(const Flag& flag, const std::string& value) const;
  void apply(const Flag& flag, const std::string& value, const std::string& token);
  void parse_images(const std::vector<std::string>& tokens, std::size_t at);

  const Command& spec_;
  Parsed command_parsed_, globals_parsed_;
  std::vector<std::string> notes_;
  bool in_images_ = false, help_ = false;
};

/// The command word: cli chapter 1.1. A prefix means one of the reference's commands where there is one, so that
/// commands of our own (Command::ours) make no prefix ambiguous that is not so there.
struct Found {
  const Command* command = nullptr;  ///< null: a group, nothing, or unknown
  std::string group;                 ///< "image" when the word names a group
  std::string unknown;               ///< a word that no command or group has
  std::vector<std::string> rest;     ///< all tokens but the command words
};
Found find_command(std::span<const Command> commands, const std::vector<std::string>& argv,
                   std::span<const Flag> globals);

/// Names of visible commands to suggest for a mistyped word, in the order of the list.
std::vector<std::string> suggestions(std::span<const Command> commands, std::string_view typed);

}  // namespace rkt::cli
