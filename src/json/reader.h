// SPDX-License-Identifier: Apache-2.0
// Typed reading with the path in every error: "app.exec[2]: expected string, got number".
//
//   const json::Reader top(value, "image manifest");
//   m.name = top.at("name").text();                       // throws when absent
//   if (const auto app = top.find("app")) …               // absent and null are the same: nullopt
//   for (const auto& label : top.items("labels")) …       // absent: empty
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "json/value.h"

namespace rkt::json {

class Reader {
 public:
  enum class Case {
    exact,
    any
  };  ///< any: member names match in any case, as the reference's decoder does for appc documents
  explicit Reader(const Value& value, std::string path = {}, Case names = Case::exact)
      : value_(&value), path_(std::move(path)), case_(names) {}

  const std::string& path() const noexcept { return path_; }
  const Value& value() const noexcept { return *value_; }

  // Objects.
  std::optional<Reader> find(
      std::string_view member) const;        ///< nullopt: absent or null. Throws when this is no object
  Reader at(std::string_view member) const;  ///< throws "PATH.member: missing"
  std::vector<std::pair<std::string, Reader>> members() const;
  // Arrays.
  std::vector<Reader> elements() const;
  std::vector<Reader> items(std::string_view member) const;  ///< elements of a member; absent or null: none
  std::vector<std::string> texts(std::string_view member) const;

  // Scalars: throw on another kind or out of range.
  const std::string& text() const;
  bool boolean() const;
  std::int64_t integer(std::int64_t min = std::numeric_limits<std::int64_t>::min(),
                       std::int64_t max = std::numeric_limits<std::int64_t>::max()) const;
  std::string text_or(std::string_view member, std::string fallback) const;
  bool boolean_or(std::string_view member, bool fallback) const;

  /// An Errc::invalid whose text begins with this place's path.
  [[noreturn]] void fail(std::string_view why) const;

 private:
  [[noreturn]] void wrong_kind(const char* expected) const;
  Reader child(const Value& v, std::string_view name) const;
  const Value* value_;
  std::string path_;
  Case case_;
};

}  // namespace rkt::json
