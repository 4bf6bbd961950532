// SPDX-License-Identifier: Apache-2.0
// Only hexadecimal IDs of images and pods are ever offered: compgen expands its words as a shell does, and the name of
// an image may hold anything.
#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/strings.h"
#include "cli/env.h"
#include "cli/parse.h"
#include "cmd/commands.h"
#include "cmd/registry.h"

namespace rkt::cmd {
namespace {

constexpr std::string_view kHead = R"(# bash completion for rkt: to be sourced
_rkt() {
  local cur=${COMP_WORDS[COMP_CWORD]} command= flags= words= global valued i flag at places=()
  COMPREPLY=()
)";
// The directories that are named before the command hold what is offered. One that is not there is not to be made.
constexpr std::string_view kCommand = R"(  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      -- ) return ;;
      -* | = )
        [[ " $valued " == *" ${COMP_WORDS[i]} "* ]] || continue
        flag=${COMP_WORDS[i]}
        at=$((i + 1))
        [[ ${COMP_WORDS[at]} != = ]] || at=$((at + 1))
        [[ $flag != *-config && $flag != --dir ]] || places+=("$flag=${COMP_WORDS[at]}")
        i=$at ;;
      * ) [[ ${COMP_WORDS[i-1]} == = ]] || command+="${COMP_WORDS[i]} " ;;
    esac
  done
)";
constexpr std::string_view kTail = R"(  esac
  if [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$flags $global" -- "$cur"))
  else
    for at in "${places[@]}"; do
      [[ -d ${at#*=} ]] || return
    done
    case $words in
      images ) words=$(rkt "${places[@]}" image list --no-legend 2>/dev/null | cut -f 1) ;;
      pods ) words=$(rkt "${places[@]}" list --no-legend --full 2>/dev/null | cut -f 1 | grep -x -e '[0-9a-f-]*') ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
  fi
  [[ ${COMPREPLY[0]:-} != *= ]] || compopt -o nospace
}
complete -o default -F _rkt rkt
)";

std::string flag_words(std::span<const cli::Flag> flags) {
  std::string out;
  for (const auto& f : flags) {
    if (f.hidden || !f.deprecated.empty()) continue;
    const bool valued = f.kind != cli::Flag::Kind::boolean && !f.optional_value;
    out += cat(out.empty() ? "" : " ", "--", f.name, valued ? "=" : "");
  }
  return out;
}

// What the first argument of `c` names; what stands in brackets belongs to a flag or comes later.
std::string_view argument_words(const cli::Command& c) {
  std::string needed;
  int depth = 0;
  for (const char letter : c.args) {
    depth += letter == '[' ? 1 : letter == ']' ? -1 : 0;
    if (depth == 0) needed.push_back(letter);
  }
  const auto pod = needed.find("UUID"), image = needed.find("IMAGE");
  return pod < image ? "pods" : image < pod ? "images" : "";
}

// Global flags whose value may be a word of its own.
std::string valued_words(std::span<const cli::Flag> flags) {
  std::string out;
  for (const auto& f : flags)
    if (f.kind != cli::Flag::Kind::boolean && !f.optional_value) out += cat(out.empty() ? "" : " ", "--", f.name);
  return out;
}

// What follows `path`, a command with subcommands, or "": the next words of all commands.
std::string next_words(const std::string& path) {
  std::set<std::string> next;
  for (const auto& c : all_commands()) {
    const std::string name(c.name);
    if (!c.hidden && name.starts_with(path))
      next.insert(name.substr(path.size(), name.find(' ', path.size()) - path.size()));
  }
  return join(std::vector<std::string>(next.begin(), next.end()), " ");
}

std::string bash_script() {
  const auto global = cli::global_flags();
  std::string out = cat(kHead, "  global='", flag_words(global), "' valued='", valued_words(global), "'\n", kCommand,
                        "  case $command in\n");
  std::set<std::string> groups = {""};
  for (const auto& c : all_commands()) {
    if (c.hidden) continue;
    if (const auto space = c.name.find(' '); space != std::string_view::npos)
      groups.emplace(c.name.substr(0, space + 1));
    out += cat("    '", c.name, " '* ) flags='", flag_words(c.flags()), "' words=", argument_words(c), " ;;\n");
  }
  for (const auto& group : groups) {
    const std::string words = next_words(group);
    out += cat("    '", group, "' ) words='", group.empty() ? "help " : "", words, "' ;;\n");
    out += cat("    'help ", group, "' ) words='", words, "' ;;\n");
  }
  return cat(out, kTail);
}

int print_completion(cli::Env& env, const cli::Parsed& in) {
  if (in.args.empty()) throw Error(Errc::usage, "shell type is not specified: rkt completion bash");
  if (in.args.size() > 1) throw Error(Errc::usage, "too many arguments, only shell type is expected");
  if (in.args[0] != "bash") throw Error(Errc::usage, cat("'", in.args[0], "' shell is not supported; shells: bash"));
  env.out(bash_script());
  return 0;
}

}  // namespace

const cli::Command completion{.name = "completion",
                              .args = "SHELL",
                              .brief = "Output shell completion code for the specified shell",
                              .run = print_completion};

}  // namespace rkt::cmd
