// SPDX-License-Identifier: Apache-2.0
#include "config/toml.h"

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

json::Value parse_toml(std::string_view text, std::string_view path) {
  try {
    return value_of(toml::parse(text));
  } catch (const toml::parse_error& e) {
    const auto& at = e.source().begin;
    throw Error(Errc::invalid,
                cat(path, ": line ", at.line, ", column ", at.column, ": ", printable(e.description(), 300)));
  }
}

}  // namespace rkt::config
