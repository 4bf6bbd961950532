// SPDX-License-Identifier: Apache-2.0
#include "worker/fetch/challenge.h"

#include <optional>

#include "base/strings.h"

namespace rkt::fetch {
namespace {

bool is_token(char c) noexcept {
  const bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  return alnum || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

// A cursor that cannot leave its text.
class Text {
 public:
  explicit Text(std::string_view s) : s_(s) {}
  bool empty() const noexcept { return s_.empty(); }
  bool take(char c) noexcept {
    if (s_.empty() || s_.front() != c) return false;
    s_.remove_prefix(1);
    return true;
  }
  void blanks() noexcept {
    while (take(' ') || take('\t')) {
    }
  }
  void separators() noexcept {
    while (take(' ') || take('\t') || take(',')) {
    }
  }
  std::string token() {
    std::size_t n = 0;
    while (n < s_.size() && is_token(s_[n])) ++n;
    std::string out(s_.substr(0, n));
    s_.remove_prefix(n);
    return out;
  }
  // token68 of other schemes ("Negotiate YWJj="): read over.
  void rest_of_item() noexcept {
    while (!s_.empty() && s_.front() != ',') s_.remove_prefix(1);
  }
  std::optional<std::string> value() {
    if (!take('"')) return token();
    std::string out;
    while (!s_.empty()) {
      if (take('"')) return out;
      (void)take('\\');
      if (s_.empty()) break;
      out.push_back(s_.front());
      s_.remove_prefix(1);
    }
    return std::nullopt;  // the quote is never closed
  }

 private:
  std::string_view s_;
};

}  // namespace

std::string Challenge::parameter(std::string_view name) const {
  const auto found = parameters.find(std::string(name));
  return found == parameters.end() ? std::string{} : found->second;
}

std::vector<Challenge> parse_challenges(std::string_view field) {
  std::vector<Challenge> out;
  Text in(field);
  for (in.separators(); !in.empty(); in.separators()) {
    const std::string word = lower(in.token());
    if (word.empty()) break;
    in.blanks();
    if (!in.take('=')) {  // a word that no "=" follows begins the next challenge
      out.push_back({.scheme = word, .parameters = {}});
      continue;
    }
    in.blanks();
    const auto value = in.value();
    if (!value || out.empty()) break;
    if (value->empty()) {  // "name=" or the padding of a token68
      in.rest_of_item();
      continue;
    }
    out.back().parameters.emplace(word, *value);
  }
  return out;
}

}  // namespace rkt::fetch
