// SPDX-License-Identifier: Apache-2.0
// Flags are long, a few also one letter. "--name value" and "--name=value"; a flag whose value is optional takes it
// only with "=". For run, prepare and fetch a second pass begins at the first positional: images, each with its own
// flags, and app arguments behind "--".
#include "cli/parser.h"

#include <algorithm>

#include "base/strings.h"

namespace rkt::cli {
namespace {

Error usage_error(std::string text) { return {Errc::usage, std::move(text)}; }

}  // namespace

Parser::Parser(const Command& command, std::span<const Flag> globals) : spec_(command), global_flags_(globals) {
  for (const auto& f : command.flags) command_parsed_.slots_.push_back({&f, {}, std::string(f.fallback)});
  for (const auto& f : globals) globals_parsed_.slots_.push_back({&f, {}, std::string(f.fallback)});
}

const Flag* Parser::find(std::string_view name) const {
  for (const auto& f : spec_.flags)
    if (f.name == name) return &f;
  for (const auto& f : global_flags_)
    if (f.name == name) return &f;
  return nullptr;
}

// Why a good value does not go with what was given before it; "": it does.
std::string Parser::conflict(const Flag& flag, const std::string& value) const {
  if (flag.once == Flag::Once::image)
    return command_parsed_.images.empty() || !command_parsed_.images.back().last(flag.name)
               ? std::string()
               : cat("--", flag.name, " specified multiple times for the same image");
  const auto key = [](std::string_view pair) { return pair.substr(0, pair.find('=')); };
  for (const auto& slot : command_parsed_.slots_) {
    if (slot.values.empty()) continue;
    if (slot.flag == &flag && flag.once == Flag::Once::key &&
        std::ranges::any_of(slot.values, [&](const std::string& v) { return key(v) == key(value); }))
      return cat("key ", quoted(key(value)), " already set");
    if (flag.only_one_of.empty() || slot.flag->only_one_of != flag.only_one_of) continue;
    return slot.flag == &flag ? cat("--", flag.name, " already used")
                              : cat("flags --", flag.name, " and --", slot.flag->name, " are mutually exclusive");
  }
  return {};
}

void Parser::apply(const Flag& flag, const std::string& value, const std::string& token) {
  const auto reject = [&](std::string_view reason) {
    return usage_error(cat("invalid argument ", quoted(value), " for ", token, ": ", reason));
  };
  if (flag.check != nullptr) {
    try {
      flag.check(value);
    } catch (const Error& e) {
      throw reject(e.brief());
    }
  }
  if (const std::string why = conflict(flag, value); !why.empty()) throw reject(why);
  if (!flag.deprecated.empty()) notes_.push_back(cat("Flag --", flag.name, " has been deprecated, ", flag.deprecated));
  if (flag.per_image && !command_parsed_.images.empty()) {
    command_parsed_.images.back().flags.push_back({std::string(flag.name), value});
    return;
  }
  if (flag.per_image && !flag.also_before) throw reject(cat("--", flag.name, " must follow an image"));
  for (auto* parsed : {&command_parsed_, &globals_parsed_}) {
    for (auto& slot : parsed->slots_) {
      if (slot.flag != &flag) continue;
      slot.values.push_back(value);
      slot.current = value;
      return;
    }
  }
}

bool Parser::take_flag(const std::vector<std::string>& tokens, std::size_t& at) {
  const std::string& token = tokens[at];
  if (token.size() < 2 || token[0] != '-') return false;
  if (token[1] != '-') {
    const auto it = std::ranges::find_if(spec_.flags, [&](const Flag& f) { return f.letter == token[1]; });
    if (token.size() == 2 && it != spec_.flags.end()) {
      apply(*it, std::string(it->bare), token);
      return true;
    }
    if (token != "-h") throw usage_error(cat("unknown shorthand flag: '", token[1], "' in ", token));
    help_ = true;
    return true;
  }
  const auto equals = token.find('=');
  const std::string name = token.substr(2, equals == std::string::npos ? equals : equals - 2);
  if (name.empty() || name[0] == '-') throw usage_error(cat("bad flag syntax: ", token));
  const Flag* flag = find(name);
  if (flag == nullptr && name == "help") {
    help_ = true;
    return true;
  }
  if (flag == nullptr) throw usage_error(cat("unknown flag: --", name));
  if (equals != std::string::npos) {
    apply(*flag, token.substr(equals + 1), token);
  } else if (flag->optional_value) {
    apply(*flag, std::string(flag->bare), token);
  } else {
    if (at + 1 >= tokens.size()) throw usage_error(cat("flag needs an argument: --", name));
    ++at;
    apply(*flag, tokens[at], token);
  }
  return true;
}

void Parser::parse(const std::vector<std::string>& tokens) {
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] == "--") {
      if (spec_.args_mode == Command::Args::images) return parse_images(tokens, i + 1);
      command_parsed_.args.insert(command_parsed_.args.end(), tokens.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                                  tokens.end());
      return;
    }
    if (take_flag(tokens, i)) continue;
    if (spec_.args_mode == Command::Args::images) return parse_images(tokens, i);
    if (spec_.args_mode == Command::Args::stop) {
      command_parsed_.args.assign(tokens.begin() + static_cast<std::ptrdiff_t>(i), tokens.end());
      return;
    }
    command_parsed_.args.push_back(tokens[i]);
  }
}

void Parser::parse_images(const std::vector<std::string>& tokens, std::size_t at) {
  in_images_ = true;
  auto& images = command_parsed_.images;
  bool had_args = false;
  for (; at < tokens.size(); ++at) {
    const std::string& token = tokens[at];
    if (token == "---" || token.empty()) continue;
    if (token == "--") {
      if (!spec_.app_args) throw usage_error("app arguments unsupported");
      if (images.empty()) throw usage_error("an image is required before any app arguments");
      if (had_args) throw usage_error("only one set of app arguments allowed per image");
      had_args = true;
      for (++at; at < tokens.size() && tokens[at] != "---"; ++at) images.back().args.push_back(tokens[at]);
      continue;
    }
    if (take_flag(tokens, at)) continue;
    images.push_back({.image = token, .flags = {}, .args = {}});
    had_args = false;
  }
}

namespace {

// The flag at `token` takes the next token as its value, as far as can be told before the command is known: every flag
// that is not a known boolean and has no "=".
bool swallows_next(const std::string& token, std::span<const Flag> globals) {
  if (token.find('=') != std::string::npos) return false;
  for (const auto& f : globals)
    if (token == cat("--", f.name)) return !f.optional_value;
  return true;
}

enum class Match { none, one, several };

template <class Names>
Match match_word(const Names& names, std::string_view word, std::string& found) {
  Match m = Match::none;
  for (const std::string& n : names) {
    if (n == word) {
      found = n;
      return Match::one;
    }
    if (!n.starts_with(word)) continue;
    m = m == Match::none ? Match::one : Match::several;
    found = n;
  }
  return m;
}

std::vector<std::string> words_at(std::span<const Command> commands, std::string_view group) {
  std::vector<std::string> out;
  for (const auto& c : commands) {
    std::string_view name = c.name;
    if (!group.empty()) {
      if (!name.starts_with(cat(group, " "))) continue;
      name.remove_prefix(group.size() + 1);
    }
    std::string first(name.substr(0, name.find(' ')));
    if (out.empty() || out.back() != first) out.push_back(std::move(first));
  }
  if (group.empty()) out.emplace_back("help");
  return out;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t up = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = up;
    }
  }
  return row[b.size()];
}

}  // namespace

Found find_command(std::span<const Command> commands, const std::vector<std::string>& argv,
                   std::span<const Flag> globals) {
  Found found;
  std::string path;
  for (std::size_t i = 0; i < argv.size(); ++i) {
    if (argv[i] == "--" || found.command != nullptr) {
      found.rest.insert(found.rest.end(), argv.begin() + static_cast<std::ptrdiff_t>(i), argv.end());
      return found;
    }
    if (argv[i].size() > 1 && argv[i][0] == '-') {
      found.rest.push_back(argv[i]);
      if (swallows_next(argv[i], globals) && i + 1 < argv.size()) found.rest.push_back(argv[++i]);
      continue;
    }
    std::string word;
    if (match_word(words_at(commands, path), argv[i], word) != Match::one) {
      found.unknown = argv[i];
      return found;
    }
    path = path.empty() ? word : cat(path, " ", word);
    found.group = path;
    for (const auto& c : commands)
      if (c.name == path) found.command = &c;
    if (path == "help") {
      found.rest.insert(found.rest.end(), argv.begin() + static_cast<std::ptrdiff_t>(i) + 1, argv.end());
      return found;
    }
  }
  return found;
}

std::vector<std::string> suggestions(std::span<const Command> commands, std::string_view typed) {
  std::vector<std::string> out;
  for (const auto& word : words_at(commands, "")) {
    if (word == "help") continue;
    const std::string a = lower(word), b = lower(typed);
    if (edit_distance(a, b) <= 2 || a.starts_with(b)) out.push_back(word);
  }
  return out;
}

}  // namespace rkt::cli
