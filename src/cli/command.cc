// SPDX-License-Identifier: Apache-2.0
#include "cli/command.h"

#include "base/error.h"
#include "base/printable.h"
#include "base/strings.h"
#include "cli/table.h"

namespace rkt::cli {
namespace {

void check_boolean(const std::string& v) {
  if (!parse_bool(v)) throw Error(Errc::usage, cat("strconv.ParseBool: parsing ", quoted(v), ": invalid syntax"));
}
void check_duration(const std::string& v) { parse_duration(v); }
void check_format(const std::string& v) {
  if (!v.empty() && v != "json" && v != "json-pretty") throw Error(Errc::usage, cat("Invalid format option: ", v));
}

}  // namespace

void require_text(std::string_view value, std::string_view place) {
  if (!is_utf8(value))
    throw Error(Errc::usage, cat(place, "not UTF-8, as manifests are: hand such bytes to the app in a file"));
  if (value.find('\0') != std::string_view::npos) throw Error(Errc::usage, cat(place, "holds a NUL character"));
}

Flag toggle(std::string_view name, bool fallback, std::string_view help) {
  return {.name = name,
          .kind = Flag::Kind::boolean,
          .fallback = fallback ? "true" : "false",
          .help = help,
          .bare = "true",
          .optional_value = true,
          .check = check_boolean};
}

Flag text(std::string_view name, std::string_view fallback, std::string_view help) {
  return {.name = name, .kind = Flag::Kind::text, .fallback = fallback, .help = help};
}

Flag list(std::string_view name, std::string_view help) {
  return {.name = name, .kind = Flag::Kind::list, .help = help};
}

Flag unquoted(Flag flag) {
  flag.unquoted = true;
  return flag;
}

Flag checked(Flag flag, void (*check)(const std::string& value)) {
  flag.check = check;
  return unquoted(std::move(flag));
}

Flag checked_text(Flag flag, void (*check)(const std::string& value)) {
  flag.check = check;
  return flag;
}

Flag once(Flag::Once what, Flag flag) {
  flag.once = what;
  return flag;
}

Flag lettered(char letter, Flag flag) {
  flag.letter = letter;
  return flag;
}

Flag duration(std::string_view name, std::string_view fallback, std::string_view help) {
  return {.name = name, .kind = Flag::Kind::duration, .fallback = fallback, .help = help, .check = check_duration};
}

Flag uuid_file() { return text("uuid-file", "", "read the pod's UUID from this file instead of an argument"); }

Flag format() { return checked(text("format", "", "\"json\" or \"json-pretty\" instead of text"), check_format); }

std::optional<std::string> ImageArgs::last(std::string_view flag) const {
  std::optional<std::string> out;
  for (const auto& use : flags)
    if (use.name == flag) out = use.value;
  return out;
}

std::vector<std::string> ImageArgs::all(std::string_view flag) const {
  std::vector<std::string> out;
  for (const auto& use : flags)
    if (use.name == flag) out.push_back(use.value);
  return out;
}

void Parsed::take(std::span<const Flag> flags) {
  slots_.reserve(flags.size());
  for (const auto& f : flags) slots_.push_back({f, {}, std::string(f.fallback)});
}

const Parsed::Slot& Parsed::slot(std::string_view flag) const {
  for (const auto& s : slots_)
    if (s.flag.name == flag) return s;
  throw Error(Errc::bug, cat("this command has no flag --", flag));
}

bool Parsed::given(std::string_view flag) const { return !slot(flag).values.empty(); }
bool Parsed::on(std::string_view flag) const { return parse_bool(text(flag)).value_or(false); }
const std::string& Parsed::text(std::string_view flag) const { return slot(flag).current; }
const std::vector<std::string>& Parsed::list(std::string_view flag) const { return slot(flag).values; }
std::chrono::nanoseconds Parsed::duration(std::string_view flag) const { return parse_duration(text(flag)); }

}  // namespace rkt::cli
