// SPDX-License-Identifier: Apache-2.0
#include "schema/appc/codec.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/strings.h"

namespace rkt::appc {
namespace {

bool digits(std::string_view s) {
  return !s.empty() && s.find_first_not_of("0123456789") == std::string_view::npos && (s.size() == 1 || s[0] != '0');
}

// MAJOR.MINOR.PATCH[-PRE][+BUILD]
bool is_semver(std::string_view s) {
  const auto plus = s.find('+');
  if (plus != std::string_view::npos && plus + 1 == s.size()) return false;
  s = s.substr(0, plus);
  const auto dash = s.find('-');
  if (dash != std::string_view::npos && dash + 1 == s.size()) return false;
  const auto parts = split(s.substr(0, dash), '.');
  return parts.size() == 3 && std::all_of(parts.begin(), parts.end(), digits);
}

template <class Read>
auto with_path(const json::Reader& in, Read&& read) {
  try {
    return read(in.text());
  } catch (const Error& e) {
    if (!in.path().empty() && e.cause().starts_with(in.path())) throw;
    in.fail(e.cause());
  }
}

void check_platform(const json::Reader& in, const Labels& labels) {
  const std::string* os = find_label(labels, "os");
  const std::string* arch = find_label(labels, "arch");
  if (os == nullptr) return;  // an architecture alone may be anything
  struct Os {
    std::string_view name, archs;
  };
  static constexpr Os kKnown[] = {
      {"linux", " amd64 i386 aarch64 aarch64_be armv6l armv7l armv7b ppc64 ppc64le s390x riscv64 "},
      {"freebsd", " amd64 i386 arm "},
      {"darwin", " x86_64 i386 "}};
  const auto it = std::find_if(std::begin(kKnown), std::end(kKnown), [&](const Os& o) { return o.name == *os; });
  if (it == std::end(kKnown)) in.fail(cat("bad os ", quoted(*os), " (must be one of: [darwin freebsd linux])"));
  if (arch != nullptr && it->archs.find(cat(" ", *arch, " ")) == std::string_view::npos)
    in.fail(cat("bad arch ", quoted(*arch), " for ", *os, " (must be one of: [", trim(it->archs), "])"));
}

}  // namespace

void check_kind(const json::Reader& in, std::string_view kind) {
  const std::string found = in.text_or("acKind", "");
  if (found.empty()) in.fail("ACKind must be set");
  if (found != "ImageManifest" && found != "PodManifest") in.fail(cat("bad ACKind: ", found));
  if (found != kind) in.fail(cat("missing or bad ACKind (must be ", quoted(kind), ")"));
}

std::string read_version(const json::Reader& in) {
  const std::string v = in.text_or("acVersion", "");
  if (v.empty()) in.fail("acVersion must be set");
  const json::Reader version = in.at("acVersion");
  if (!is_semver(v)) version.fail("SemVer is bad");
  if (v == "0.0.0") version.fail("SemVer cannot be zero");
  return v;
}

std::string read_identifier(const json::Reader& in) {
  return with_path(in, [](const std::string& s) { return AcIdentifier::parse(s).str(); });
}

AcName read_name(const json::Reader& in) {
  return with_path(in, [](const std::string& s) { return AcName::parse(s); });
}

Labels read_labels(const json::Reader& in) {
  Labels out;
  std::set<std::string> seen;
  for (const auto& l : in.items("labels")) {
    Label label{read_identifier(l.at("name")), l.text_or("value", "")};
    if (label.name == "name") l.fail("invalid label name: \"name\"");
    if (!seen.insert(label.name).second) l.fail(cat("duplicate labels of name ", quoted(label.name)));
    out.push_back(std::move(label));
  }
  check_platform(in, out);
  return out;
}

std::vector<Annotation> read_annotations(const json::Reader& in) {
  std::vector<Annotation> out;
  std::set<std::string> seen;
  for (const auto& a : in.items("annotations")) {
    Annotation annotation{read_identifier(a.at("name")), a.text_or("value", "")};
    if (!seen.insert(annotation.name).second) a.fail(cat("duplicate annotations of name ", quoted(annotation.name)));
    try {
      check_annotation(annotation);
    } catch (const Error& e) {
      a.fail(e.cause());
    }
    out.push_back(std::move(annotation));
  }
  return out;
}

std::vector<Isolator> read_isolators(const json::Reader& in) {
  std::vector<Isolator> out;
  for (const auto& i : in.items("isolators")) {
    const auto value = i.find("value");
    out.push_back({read_identifier(i.at("name")), value ? value->value() : json::Value()});
  }
  return out;
}

StringPairs read_string_pairs(const json::Reader& in, std::string_view member) {
  StringPairs out;
  if (const auto o = in.find(member))
    for (const auto& [name, value] : o->members()) out.emplace_back(name, value.text());
  return out;
}

json::Value name_value(const std::string& name, const std::string& value) {
  json::Object o;
  o.set("name", name);
  o.set("value", value);
  return o;
}

json::Array text_array(const std::vector<std::string>& texts) {
  return map_array(texts, [](const std::string& t) { return json::Value(t); });
}

json::Array labels_json(const Labels& labels) {
  return map_array(labels, [](const Label& l) { return name_value(l.name, l.value); });
}

json::Array annotations_json(const std::vector<Annotation>& annotations) {
  return map_array(annotations, [](const Annotation& a) { return name_value(a.name, a.value); });
}

json::Array isolators_json(const std::vector<Isolator>& isolators) {
  return map_array(isolators, [](const Isolator& i) {
    json::Object o;
    o.set("name", i.name);
    o.set("value", i.value);
    return o;
  });
}

void add_unless_empty(json::Object& o, std::string name, json::Array array) {
  if (!array.empty()) o.set(std::move(name), std::move(array));
}

void add_pairs(json::Object& o, std::string name, const StringPairs& pairs) {
  if (pairs.empty()) return;
  StringPairs sorted = pairs;
  std::sort(sorted.begin(), sorted.end());
  json::Object out;
  for (const auto& [k, v] : sorted) out.set(k, v);
  o.set(std::move(name), std::move(out));
}

}  // namespace rkt::appc
