// SPDX-License-Identifier: Apache-2.0
// The only file that sees the JSON library: its SAX parser fills our tree; the writer is ours, because the output form
// is the reference's (Go escapes, TAB indent).
#include "json/value.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "base/error.h"
#include "base/printable.h"
#include "base/strings.h"
#include "json/unique.h"

namespace rkt::json {
namespace {

class Builder final : public nlohmann::json_sax<nlohmann::json> {
 public:
  enum class Names { last_wins, unique };
  Builder(int depth, Names names) : depth_(depth), names_(names) {}
  Value take() { return std::move(root_); }
  const std::string& problem() const { return problem_; }

  bool null() override { return put(Value()); }
  bool boolean(bool b) override { return put(Value(b)); }
  bool number_integer(number_integer_t n) override { return put(Value(static_cast<std::int64_t>(n))); }
  bool number_unsigned(number_unsigned_t n) override { return put(Value(static_cast<std::uint64_t>(n))); }
  bool number_float(number_float_t d, const string_t&) override { return put(Value(d)); }
  bool string(string_t& s) override { return put(Value(std::move(s))); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(true); }
  bool end_object() override { return close(Object(std::move(stack_.back().members))); }
  bool start_array(std::size_t) override { return open(false); }
  bool end_array() override { return close(Value(std::move(stack_.back().array))); }
  bool key(string_t& name) override {
    if (names_ == Names::unique && stack_.back().find(name) != nullptr) {
      problem_ = cat("ambiguous: duplicate key ", rkt::quoted(name));
      return false;
    }
    stack_.back().key = std::move(name);
    return true;
  }
  bool parse_error(std::size_t at, const std::string&, const nlohmann::json::exception&) override {
    error_at_ = at;
    return false;
  }
  std::size_t error_at() const { return error_at_; }

 private:
  struct Frame {
    Array array;
    std::vector<Member> members;
    std::unordered_map<std::string, std::size_t> places;  // only when there are many members
    std::string key;
    bool is_object = false;

    // The last one wins. A document of strangers may have a million members: no search through all of them for each.
    void set(std::string name, Value value) {
      static constexpr std::size_t kFew = 16;
      if (members.size() == kFew)
        for (std::size_t i = 0; i < kFew; ++i) places.emplace(members[i].first, i);
      if (Member* before = find(name)) {
        before->second = std::move(value);
        return;
      }
      if (members.size() >= kFew) places.emplace(name, members.size());
      members.emplace_back(std::move(name), std::move(value));
    }

    Member* find(const std::string& name) {
      if (!places.empty()) {
        const auto it = places.find(name);
        return it == places.end() ? nullptr : &members[it->second];
      }
      const auto it = std::find_if(members.begin(), members.end(), [&](const Member& m) { return m.first == name; });
      return it == members.end() ? nullptr : &*it;
    }
  };
  bool open(bool object) {
    if (static_cast<int>(stack_.size()) >= depth_) {
      problem_ = cat("nested deeper than ", depth_);
      return false;
    }
    stack_.emplace_back().is_object = object;
    return true;
  }
  bool close(Value v) {
    stack_.pop_back();
    return put(std::move(v));
  }
  bool put(Value v) {
    if (stack_.empty())
      root_ = std::move(v);
    else if (stack_.back().is_object)
      stack_.back().set(std::move(stack_.back().key), std::move(v));
    else
      stack_.back().array.push_back(std::move(v));
    return true;
  }

  int depth_;
  Names names_;
  std::vector<Frame> stack_;
  Value root_;
  std::string problem_;
  std::size_t error_at_ = 0;
};

bool same_any_case(std::string_view a, std::string_view b) { return a.size() == b.size() && lower(a) == lower(b); }

// Goes into JSON as it is; 0xe2 begins the two line ends that do not.
bool is_plain(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x20 && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&' && byte != 0xe2;
}

void write_string(std::string& out, std::string_view s) {
  static constexpr char kHex[] = "0123456789abcdef";
  out.push_back('"');
  for (std::size_t i = 0; i < s.size(); ++i) {
    const std::string_view rest = s.substr(i);
    const std::string_view plain(rest.begin(), std::ranges::find_if_not(rest, is_plain));
    out.append(plain);
    i += plain.size();
    if (i == s.size()) break;
    const auto c = static_cast<unsigned char>(s[i]);
    switch (c) {
      case '"':
        out += "\\\"";
        continue;
      case '\\':
        out += "\\\\";
        continue;
      case '\n':
        out += "\\n";
        continue;
      case '\r':
        out += "\\r";
        continue;
      case '\t':
        out += "\\t";
        continue;
      default:
        break;
    }
    if (c < 0x20 || c == '<' || c == '>' || c == '&') {
      out += "\\u00";
      out.push_back(kHex[c >> 4]);
      out.push_back(kHex[c & 15]);
    } else if (s.substr(i, 3) == "\xe2\x80\xa8" || s.substr(i, 3) == "\xe2\x80\xa9") {
      out += s[i + 2] == '\xa8' ? "\\u2028" : "\\u2029";
      i += 2;
    } else {
      out.push_back(static_cast<char>(c));
    }
  }
  out.push_back('"');
}

class Writer {
 public:
  explicit Writer(Style style) : pretty_(style == Style::pretty) {}
  std::string take() { return std::move(out_); }
  int deepest() const { return deepest_; }

  void value(const Value& v) {
    if (v.is_null()) out_ += "null";
    if (const auto* b = v.as_bool()) out_ += *b ? "true" : "false";
    if (const auto* n = v.as_int()) out_ += cat(*n);
    if (const auto* d = v.as_double()) number(*d);
    if (const auto* s = v.as_string()) write_string(out_, *s);
    if (const auto* a = v.as_array()) list(*a, '[', ']', [this](const Value& e) { value(e); });
    if (const auto* o = v.as_object()) {
      list(o->members(), '{', '}', [this](const Member& m) {
        write_string(out_, m.first);
        out_ += pretty_ ? ": " : ":";
        value(m.second);
      });
    }
  }

 private:
  void number(double d) {
    char buf[32];
    const auto r = std::to_chars(buf, buf + sizeof buf, d);
    out_.append(buf, r.ptr);
    if (d == 0 && std::signbit(d)) out_ += ".0";  // "-0" would be read back as the integer, which has no sign
  }
  void newline() {
    if (!pretty_) return;
    out_.push_back('\n');
    out_.append(static_cast<std::size_t>(level_), '\t');
  }
  template <class Items, class Each>
  void list(const Items& items, char open, char close, Each each) {
    out_.push_back(open);
    deepest_ = std::max(deepest_, ++level_);
    bool first = true;
    for (const auto& item : items) {
      if (!first) out_.push_back(',');
      first = false;
      newline();
      each(item);
    }
    --level_;
    if (!first) newline();
    out_.push_back(close);
  }

  bool pretty_;
  int level_ = 0, deepest_ = 0;
  std::string out_;
};

}  // namespace

void Object::set(std::string name, Value value) {
  for (auto& m : members_) {
    if (m.first != name) continue;
    m.second = std::move(value);
    return;
  }
  members_.emplace_back(std::move(name), std::move(value));
}

const Value* Object::find(std::string_view name) const {
  for (const auto& m : members_)
    if (m.first == name) return &m.second;
  return nullptr;
}

const Value* Object::find_any_case(std::string_view name) const {
  if (const Value* exact = find(name)) return exact;
  for (const auto& m : members_)
    if (same_any_case(m.first, name)) return &m.second;
  return nullptr;
}

Value::Value(std::uint64_t n) {
  if (n <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    v_ = static_cast<std::int64_t>(n);
  else
    v_ = static_cast<double>(n);
}

const char* Value::kind() const noexcept {
  static constexpr const char* kNames[] = {"null", "bool", "number", "number", "string", "array", "object"};
  return kNames[v_.index()];
}

namespace {

Value parse_with(Builder builder, std::string_view text, std::size_t most) {
  if (text.size() > most) throw Error(Errc::invalid, cat("JSON text of ", text.size(), " bytes is too large"));
  if (nlohmann::json::sax_parse(text.begin(), text.end(), &builder)) return builder.take();
  if (!builder.problem().empty()) throw Error(Errc::invalid, cat("JSON text is ", builder.problem()));
  const auto before = text.substr(0, std::min(builder.error_at(), text.size()));
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const auto newline = before.find_last_of('\n');
  const auto column = newline == std::string_view::npos ? before.size() : before.size() - newline - 1;
  throw Error(Errc::invalid, cat("JSON syntax error at line ", line, ", column ", column));
}

}  // namespace

Value parse(std::string_view text, Limits limits) {
  return parse_with(Builder(limits.depth, Builder::Names::last_wins), text, limits.bytes);
}

Value parse_unique(std::string_view text, Limits limits) {
  return parse_with(Builder(limits.depth, Builder::Names::unique), text, limits.bytes);
}

std::string write(const Value& value, Style style) {
  Writer w(style);
  w.value(value);
  return w.take();
}

std::string write_parseable(const Value& value, Limits limits) {
  Writer w(Style::compact);
  w.value(value);
  const bool too_deep = w.deepest() > limits.depth;
  std::string text = w.take();
  if (too_deep || text.size() > limits.bytes || !is_utf8(text)) (void)parse(text, limits);
  return text;
}

}  // namespace rkt::json
