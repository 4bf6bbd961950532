// SPDX-License-Identifier: Apache-2.0
#include "json/reader.h"

#include "base/error.h"
#include "base/strings.h"

namespace rkt::json {

void Reader::fail(std::string_view why) const {
  throw Error(Errc::invalid, path_.empty() ? std::string(why) : cat(path_, ": ", why));
}

void Reader::wrong_kind(const char* expected) const { fail(cat("expected ", expected, ", got ", value_->kind())); }

Reader Reader::child(const Value& v, std::string_view name) const {
  return Reader(v, path_.empty() ? std::string(name) : cat(path_, ".", name), case_);
}

std::optional<Reader> Reader::find(std::string_view member) const {
  const Object* o = value_->as_object();
  if (o == nullptr) wrong_kind("object");
  const Value* v = case_ == Case::any ? o->find_any_case(member) : o->find(member);
  if (v == nullptr || v->is_null()) return std::nullopt;
  return child(*v, member);
}

Reader Reader::at(std::string_view member) const {
  auto found = find(member);
  if (!found) child(*value_, member).fail("missing");
  return std::move(*found);
}

std::vector<std::pair<std::string, Reader>> Reader::members() const {
  const Object* o = value_->as_object();
  if (o == nullptr) wrong_kind("object");
  std::vector<std::pair<std::string, Reader>> out;
  out.reserve(o->members().size());
  for (const auto& [name, v] : o->members()) out.emplace_back(name, child(v, name));
  return out;
}

std::vector<Reader> Reader::elements() const {
  const Array* a = value_->as_array();
  if (a == nullptr) wrong_kind("array");
  std::vector<Reader> out;
  out.reserve(a->size());
  for (const auto& v : *a) out.push_back(Reader(v, cat(path_, "[", out.size(), "]"), case_));
  return out;
}

std::vector<Reader> Reader::items(std::string_view member) const {
  const auto found = find(member);
  return found ? found->elements() : std::vector<Reader>();
}

std::vector<std::string> Reader::texts(std::string_view member) const {
  std::vector<std::string> out;
  for (const auto& item : items(member)) out.push_back(item.text());
  return out;
}

const std::string& Reader::text() const {
  const std::string* s = value_->as_string();
  if (s == nullptr) wrong_kind("string");
  return *s;
}

bool Reader::boolean() const {
  const bool* b = value_->as_bool();
  if (b == nullptr) wrong_kind("bool");
  return *b;
}

std::int64_t Reader::integer(std::int64_t min, std::int64_t max) const {
  const std::int64_t* n = value_->as_int();
  if (n == nullptr) {
    if (value_->as_double() != nullptr) fail("expected an integer");
    wrong_kind("number");
  }
  if (*n < min || *n > max) fail(cat(*n, " is not between ", min, " and ", max));
  return *n;
}

std::string Reader::text_or(std::string_view member, std::string fallback) const {
  if (const auto found = find(member)) return found->text();
  return fallback;
}

bool Reader::boolean_or(std::string_view member, bool fallback) const {
  const auto found = find(member);
  return found ? found->boolean() : fallback;
}

}  // namespace rkt::json
