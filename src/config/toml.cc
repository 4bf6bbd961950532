// SPDX-License-Identifier: Apache-2.0
#include "config/toml.h"

namespace rkt::config {
// What the library takes for granted about its input is not always so: an error, not the end of the program.
[[noreturn]] static void refuse_toml();
}  // namespace rkt::config

#undef NDEBUG  // the checks of the library stay on
#define TOML_ASSERT(expr) ((expr) ? static_cast<void>(0) : ::rkt::config::refuse_toml())
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#define TOML_ENABLE_WINDOWS_COMPAT 0
#define TOML_MAX_NESTED_VALUES 64
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wswitch-enum"
#include <toml++/toml.h>
#pragma GCC diagnostic pop

#include "base/error.h"
#include "base/printable.h"
#include "base/strings.h"

namespace rkt::config {
namespace {

json::Value value_of(const toml::node& node) {
  if (const auto* table = node.as_table()) {
    std::vector<json::Member> members;  // TOML refuses a name that is set twice
    for (const auto& [name, value] : *table) members.emplace_back(std::string(name.str()), value_of(value));
    return json::Object(std::move(members));
  }
  if (const auto* array = node.as_array()) {
    json::Array out;
    for (const auto& element : *array) out.push_back(value_of(element));
    return out;
  }
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* yes = node.as_boolean()) return yes->get();
  if (const auto* number = node.as_integer()) return number->get();
  if (const auto* number = node.as_floating_point()) return number->get();
  return {};
}

}  // namespace

static void refuse_toml() { throw Error(Errc::invalid, "not TOML"); }

json::Value parse_toml(std::string_view text, std::string_view path) {
  // The library's tables of letters have holes that it falls into. What counts in these files is ASCII; in comments a
  // question mark does no harm.
  std::string ascii(text);
  for (char& c : ascii)
    if (static_cast<unsigned char>(c) >= 0x80) c = '?';
  try {
    return value_of(toml::parse(ascii));
  } catch (const toml::parse_error& e) {
    const auto& at = e.source().begin;
    throw Error(Errc::invalid,
                cat(path, ": line ", at.line, ", column ", at.column, ": ", printable(e.description(), 300)));
  } catch (Error& e) {
    e.at(path);
    throw;
  }
}

}  // namespace rkt::config
