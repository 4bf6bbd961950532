// SPDX-License-Identifier: Apache-2.0
// Flags are long, a few also one letter. "--name value" and "--name=value"; a flag whose value is optional takes it
// only with "=". For run, prepare and fetch a second pass begins at the first positional: images, each with its own
// flags, and app arguments behind "--".
#include "cli/parser.h"

#include <algorithm>

#include "base/strings.h"

namespace rkt::cli {
namespace {

const Flag kHelp = lettered('h', toggle("help", false, ""));

Error usage_error(std::string text) { return {Errc::usage, std::move(text)}; }

void check_app_argument(const std::string& token) { require_text(token, cat("app argument ", quoted(token), ": ")); }

}  // namespace

Parser::Parser(const Command& command, std::span<const Flag> globals) : spec_(command) {
  command_parsed_.take(command.flags());
  globals_parsed_.take(globals);
}

const Flag* Parser::find(std::string_view name) const {
  for (const auto* parsed : {&command_parsed_, &globals_parsed_})
    for (const auto& slot : parsed->slots_)
      if (slot.flag.name == name) return &slot.flag;
  return name == kHelp.name ? &kHelp : nullptr;
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
    if (&slot.flag == &flag && flag.once == Flag::Once::key &&
        std::ranges::any_of(slot.values, [&](const std::string& v) { return key(v) == key(value); }))
      return cat("key ", quoted(key(value)), " already set");
    if (flag.only_one_of.empty() || slot.flag.only_one_of != flag.only_one_of) continue;
    return &slot.flag == &flag ? cat("--", flag.name, " already used")
                               : cat("flags --", flag.name, " and --", slot.flag.name, " are mutually exclusive");
  }
  return {};
}

void Parser::check(const Flag& flag, const std::string& value) const {
  if (flag.check != nullptr) flag.check(value);
  if (flag.check_all == nullptr) return;
  auto values = command_parsed_.slot(flag.name).values;
  values.push_back(value);
  flag.check_all(values);
}

void Parser::apply(const Flag& flag, const std::string& value, const std::string& token) {
  const auto reject = [&](std::string_view reason) {
    return usage_error(cat("invalid argument ", quoted(value), " for ", token, ": ", reason));
  };
  try {
    check(flag, value);
  } catch (const Error& e) {
    throw reject(e.brief());
  }
  if (&flag == &kHelp) {
    if (!in_images_) help_ = *parse_bool(value);  // behind an image it means nothing, as in the reference
    return;
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
      if (&slot.flag != &flag) continue;
      slot.values.push_back(value);
      slot.current = value;
      return;
    }
  }
}

// -a, -ab, -a=VALUE.
void Parser::take_letters(const std::string& token) {
  for (std::string_view rest = std::string_view(token).substr(1); !rest.empty();) {
    const auto& slots = command_parsed_.slots_;
    const auto it = std::ranges::find_if(slots, [&](const auto& s) { return s.flag.letter == rest[0]; });
    if (it == slots.end() && rest[0] != kHelp.letter)
      throw usage_error(cat("unknown shorthand flag: '", rest[0], "' in -", rest));
    const Flag& flag = it == slots.end() ? kHelp : it->flag;
    const bool valued = rest.size() > 2 && rest[1] == '=';
    apply(flag, std::string(valued ? rest.substr(2) : flag.bare), token);
    rest.remove_prefix(valued ? rest.size() : 1);
  }
}

bool Parser::take_flag(const std::vector<std::string>& tokens, std::size_t& at) {
  const std::string& token = tokens[at];
  if (token.size() < 2 || token[0] != '-') return false;
  if (token[1] != '-') {
    take_letters(token);
    return true;
  }
  const auto equals = token.find('=');
  const std::string name = token.substr(2, equals == std::string::npos ? equals : equals - 2);
  if (name.empty() || name[0] == '-') throw usage_error(cat("bad flag syntax: ", token));
  const Flag* flag = find(name);
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
      for (++at; at < tokens.size() && tokens[at] != "---"; ++at) {
        check_app_argument(tokens[at]);
        if (!tokens[at].empty()) images.back().args.push_back(tokens[at]);
      }
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

struct Word {
  std::string text;
  bool ours, hidden;  // every command that begins with it is
};

// The one word that is `typed` or begins with it; "": none or several.
std::string match_word(const std::vector<Word>& words, std::string_view typed) {
  std::vector<std::string> theirs, ours;
  for (const auto& w : words) {
    if (w.text == typed) return w.text;
    if (w.text.starts_with(typed)) (w.ours ? ours : theirs).push_back(w.text);
  }
  const auto& those = theirs.empty() ? ours : theirs;
  return those.size() == 1 ? those.front() : std::string();
}

std::vector<Word> words_at(std::span<const Command> commands, std::string_view group) {
  std::vector<Word> out;
  for (const auto& c : commands) {
    std::string_view name = c.name;
    if (!group.empty()) {
      if (!name.starts_with(cat(group, " "))) continue;
      name.remove_prefix(group.size() + 1);
    }
    const auto first = name.substr(0, name.find(' '));
    if (out.empty() || out.back().text != first) out.push_back({std::string(first), true, true});
    out.back().ours = out.back().ours && c.ours;
    out.back().hidden = out.back().hidden && c.hidden;
  }
  if (group.empty()) out.push_back({"help", false, true});
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
    const std::string word = match_word(words_at(commands, path), argv[i]);
    if (word.empty()) {
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
    if (word.hidden) continue;
    const std::string a = lower(word.text), b = lower(typed);
    if (edit_distance(a, b) <= 2 || a.starts_with(b)) out.push_back(word.text);
  }
  return out;
}

}  // namespace rkt::cli
