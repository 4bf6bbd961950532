// SPDX-License-Identifier: Apache-2.0
// JSON as a tree of values. The library that tokenises is seen by value.cc alone. Limits on size and depth; numbers
// keep whether they were integers; member order is kept (last one wins when a name is repeated, as the reference).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace rkt::json {

class Value;
using Array = std::vector<Value>;
using Member = std::pair<std::string, Value>;
/// Members in the order in which they were first seen or added.
class Object {
 public:
  Object() = default;
  explicit Object(std::vector<Member> distinct);            ///< names that differ
  void set(std::string name, Value value);                  ///< replaces in place, or appends
  const Value* find(std::string_view name) const;           ///< exact name; nullptr: absent
  const Value* find_any_case(std::string_view name) const;  ///< the reference's decoder ignores case (ASCII)
  const std::vector<Member>& members() const noexcept { return members_; }
  bool empty() const noexcept;

 private:
  std::vector<Member> members_;
};

class Value {
 public:
  Value() = default;                                       // null
  Value(std::nullptr_t) {}                                 // NOLINT: values convert from what they hold
  Value(bool b) : v_(b) {}                                 // NOLINT
  Value(std::int64_t n) : v_(n) {}                         // NOLINT
  Value(int n) : v_(static_cast<std::int64_t>(n)) {}       // NOLINT
  Value(unsigned n) : v_(static_cast<std::int64_t>(n)) {}  // NOLINT
  Value(std::uint64_t n);                                  // NOLINT
  Value(double d) : v_(d) {}                               // NOLINT
  Value(std::string s) : v_(std::move(s)) {}               // NOLINT
  Value(std::string_view s) : v_(std::string(s)) {}        // NOLINT
  Value(const char* s) : v_(std::string(s)) {}             // NOLINT
  Value(Array a) : v_(std::move(a)) {}                     // NOLINT
  Value(Object o) : v_(std::move(o)) {}                    // NOLINT

  bool is_null() const noexcept { return std::holds_alternative<std::monostate>(v_); }
  const bool* as_bool() const noexcept { return std::get_if<bool>(&v_); }
  const std::int64_t* as_int() const noexcept { return std::get_if<std::int64_t>(&v_); }
  const double* as_double() const noexcept { return std::get_if<double>(&v_); }
  const std::string* as_string() const noexcept { return std::get_if<std::string>(&v_); }
  const Array* as_array() const noexcept { return std::get_if<Array>(&v_); }
  const Object* as_object() const noexcept { return std::get_if<Object>(&v_); }
  const char* kind() const noexcept;  ///< "null", "bool", "number", "string", "array", "object": for messages

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object> v_;
};

// Here, because clang wants Value complete.
inline Object::Object(std::vector<Member> distinct) : members_(std::move(distinct)) {}
inline bool Object::empty() const noexcept { return members_.empty(); }

struct Limits {
  std::size_t bytes = std::size_t{8} << 20;
  int depth = 64;
};

/// Throws Errc::invalid: "line L, column C: …" for syntax, or what limit was passed. Text must be UTF-8.
Value parse(std::string_view text, Limits limits = {});

/// compact: no blanks. pretty: one TAB a level. Go style escapes (<, >, & and U+2028/9 as \u00XX), no trailing newline.
/// An empty Array writes "[]"; a null writes "null" (what the reference prints for an empty list is the caller's
/// choice).
enum class Style { compact, pretty };
std::string write(const Value& value, Style style = Style::compact);
/// The same, compact, of values that nobody has parsed: throws what parse() would say of the text. Numbers stay what
/// they are, also where their text reads as another kind (1e3 is written "1000").
std::string write_parseable(const Value& value, Limits limits);

}  // namespace rkt::json
