// SPDX-License-Identifier: Apache-2.0
#include "schema/appc/isolators.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "base/error.h"
#include "base/strings.h"
#include "json/reader.h"

namespace rkt::appc {
namespace {

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
constexpr std::string_view kQuantityRegexp = "^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$";

// A power of ten or two for a suffix; nullopt: no such suffix.
std::optional<long double> suffix_factor(std::string_view s) {
  static constexpr std::string_view kDecimal = "kMGTPE", kBinary = "KMGTPE";
  if (s.empty()) return 1.0L;
  if (s == "n") return 1e-9L;
  if (s == "u") return 1e-6L;
  if (s == "m") return 1e-3L;
  if (s.size() == 2 && s[1] == 'i') {
    const auto at = kBinary.find(s[0]);
    if (at == std::string_view::npos) return std::nullopt;
    return std::pow(1024.0L, static_cast<long double>(at + 1));
  }
  if (s.size() == 1) {
    const auto at = kDecimal.find(s[0]);
    if (at == std::string_view::npos) return std::nullopt;
    return std::pow(1000.0L, static_cast<long double>(at + 1));
  }
  if (s[0] == 'e' || s[0] == 'E') {
    std::string_view exponent = s.substr(1);
    if (exponent.starts_with('+')) exponent.remove_prefix(1);
    const auto power = parse_int<int>(exponent);
    if (!power || *power > 30 || *power < -30) return std::nullopt;
    return std::pow(10.0L, static_cast<long double>(*power));
  }
  return std::nullopt;
}

// What an isolator's value may say and how often it may stand there (reference: images §1.5.1).
class Interpreter {
 public:
  /// `place`: the isolator's in its document; "": it is of none. False: there is none of that name.
  bool add(const Isolator& isolator, std::string place) {
    place_ = std::move(place);
    const json::Reader in(isolator.value, place_.empty() ? isolator.name : cat(place_, ".value"),
                          json::Reader::Case::any);
    const std::string& n = isolator.name;
    if (n == "resource/memory") {
      if (const auto limit = resource(in)) out_.memory_limit = limit->value();
    } else if (n == "resource/cpu") {
      if (const auto limit = resource(in)) out_.cpu_milli_limit = limit->milli;
    } else if (n == "resource/pids") {
      if (const auto limit = resource(in)) out_.pids = positive(in, limit->value());
    } else if (n == "resource/block-bandwidth") {
      out_.block_bandwidth = shared_resource(in);
    } else if (n == "resource/block-iops") {
      out_.block_iops = shared_resource(in);
    } else if (n == "resource/network-bandwidth") {
      out_.network_bandwidth = shared_resource(in);
    } else if (n == "os/linux/capabilities-retain-set") {
      add_set(out_.caps_retain, in);
    } else if (n == "os/linux/capabilities-remove-set") {
      add_set(out_.caps_remove, in);
    } else if (n == "os/linux/no-new-privileges") {
      out_.no_new_privs |= in.boolean();
    } else if (n == "os/linux/seccomp-retain-set" || n == "os/linux/seccomp-remove-set") {
      seccomp(in, n);
    } else if (n == "os/linux/oom-score-adj") {
      once(n);
      out_.oom_score_adj = static_cast<int>(ranged(in, n, -1000, 1000));
    } else if (n == "os/linux/cpu-shares") {
      once(n);
      out_.cpu_shares = ranged(in, n, 2, 262144);
    } else if (n == "os/linux/selinux-context") {
      once(n);
      selinux(in);
    } else if (n == "os/linux/apparmor-profile") {
      once(n);
      out_.apparmor_profile = label_text(in, in.at("profile").text());
    } else if (n == "os/unix/sysctl") {
      once(n);
      for (const auto& [name, value] : in.members()) out_.sysctls.emplace_back(name, value.text());
    } else {
      return false;
    }
    return true;
  }
  Isolators take() { return std::move(out_); }

 private:
  void once(const std::string& name) {
    if (!seen_.insert(name).second)
      throw Error(Errc::invalid, cat(place_, ": isolators set contains too many instances of type ", name));
  }

  static std::int64_t ranged(const json::Reader& in, std::string_view name, std::int64_t min, std::int64_t max) {
    const auto value = in.integer();
    if (value < min || value > max) in.fail(cat(name, " must be between ", min, " and ", max, ", got ", value));
    return value;
  }

  static std::optional<Quantity> quantity(const json::Reader& in, std::string_view member) {
    const auto q = in.find(member);
    if (!q) return std::nullopt;
    const auto* whole = q->value().as_int();
    const std::string text = whole != nullptr ? cat(*whole) : q->text();
    try {
      return Quantity::parse(text);
    } catch (const Error& e) {
      q->fail(e.cause());
    }
  }

  static std::optional<Quantity> resource(const json::Reader& in) {
    if (in.boolean_or("default", false)) in.fail("default must be false");
    quantity(in, "request");
    const auto limit = quantity(in, "limit");
    if (limit && limit->milli < 0) in.at("limit").fail("must not be negative");
    return limit;
  }

  static std::optional<std::int64_t> shared_resource(const json::Reader& in) {
    if (!in.boolean_or("default", false)) in.fail("default must be true");
    if (in.find("request")) in.fail("request not supported");
    const auto limit = quantity(in, "limit");
    return limit ? std::optional(positive(in, limit->value())) : std::nullopt;
  }

  static std::int64_t positive(const json::Reader& in, std::int64_t limit) {
    if (limit <= 0) in.fail("limit must be positive");
    return limit;
  }

  // What is handed to the kernel as a word: no control character, and not empty.
  static std::string label_text(const json::Reader& in, std::string text) {
    const bool clean = std::ranges::all_of(text, [](unsigned char c) { return c > ' ' && c != 0x7f; });
    if (text.empty() || !clean) in.fail("must be one word");
    return text;
  }

  static void add_set(std::optional<std::vector<std::string>>& into, const json::Reader& in) {
    const auto names = in.texts("set");
    if (names.empty()) in.fail("set must be non-empty");
    if (!into) into.emplace();
    into->insert(into->end(), names.begin(), names.end());
  }

  void seccomp(const json::Reader& in, const std::string& name) {
    if (out_.seccomp) {
      const bool same = seen_.contains(name);
      throw Error(Errc::invalid, cat(place_, same ? cat(": isolators set contains too many instances of type ", name)
                                                  : std::string(": isolators set contains incompatible types")));
    }
    once(name);
    SeccompSet set{.mode = name.ends_with("retain-set") ? SeccompSet::Mode::retain : SeccompSet::Mode::remove,
                   .names = in.texts("set"),
                   .errno_name = in.text_or("errno", "")};
    if (set.names.empty()) in.fail("set must be non-empty");
    const std::string& e = set.errno_name;
    if (!e.empty() && e[0] != 'E') in.fail(cat("errno must start with an 'E' character, got ", e));
    if (e.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != std::string::npos)
      in.fail(cat("errno can only contain upper case or numeric characters, got ", e));
    out_.seccomp = std::move(set);
  }

  void selinux(const json::Reader& in) {
    SelinuxContext c{in.text_or("user", ""), in.text_or("role", ""), in.text_or("type", ""), in.text_or("level", "")};
    for (const auto* part : {&c.user, &c.role, &c.type, &c.level})
      if (part->empty()) in.fail("user, role, type and level must not be empty");
    for (const auto* part : {&c.user, &c.role, &c.type})
      if (part->find(':') != std::string::npos) in.fail("user, role and type must not contain ':'");
    out_.selinux = std::move(c);
  }

  std::string place_;
  Isolators out_;
  std::set<std::string> seen_;
};

}  // namespace

Quantity Quantity::parse(std::string_view text) {
  const auto bad = [](std::string_view why) { return Error(Errc::invalid, cat("error parsing request: ", why)); };
  const auto syntax = [&] { return bad(cat("quantities must match the regular expression '", kQuantityRegexp, "'")); };
  std::string_view rest = text;
  const bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);
  const auto digits = rest.substr(0, rest.find_first_not_of("0123456789."));
  if (digits.empty() || digits.find_first_of("0123456789") == std::string_view::npos ||
      std::count(digits.begin(), digits.end(), '.') > 1)
    throw syntax();
  rest.remove_prefix(digits.size());
  if (rest.find_first_not_of("eEinumkKMGTP+-0123456789") != std::string_view::npos) throw syntax();
  const auto factor = suffix_factor(rest);
  if (!factor) throw bad("unable to parse quantity's suffix");
  long double number = 0;
  const auto r = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (r.ec != std::errc{}) throw syntax();
  // A value that is exact in thousandths must not be rounded up by the last bit of a binary fraction.
  const long double exact = number * *factor * 1000.0L;
  const long double milli = std::fabs(exact - std::round(exact)) < 1e-6L ? std::round(exact) : std::ceil(exact);
  Quantity q;
  q.milli = milli >= static_cast<long double>(kMax) ? kMax : static_cast<std::int64_t>(milli);
  if (negative) q.milli = -q.milli;
  return q;
}

Isolators interpret_isolators(const std::vector<Isolator>& isolators, std::string_view path) {
  Interpreter interpreter;
  for (std::size_t i = 0; i < isolators.size(); ++i) {
    const std::string place = path.empty() ? "" : cat(path, "[", i, "]");
    if (!interpreter.add(isolators[i], place))
      throw Error(Errc::invalid, cat(place, ".name: invalid isolator ", quoted(isolators[i].name)));
  }
  return interpreter.take();
}

Isolators interpret_pod_isolators(const std::vector<Isolator>& isolators, std::string_view path) {
  Interpreter interpreter;
  std::vector<std::string> unknown;
  for (std::size_t i = 0; i < isolators.size(); ++i)
    if (!interpreter.add(isolators[i], cat(path, "[", i, "]"))) unknown.push_back(isolators[i].name);
  Isolators out = interpreter.take();
  out.unknown = std::move(unknown);
  const bool confines = out.caps_retain || out.caps_remove || out.seccomp || out.no_new_privs || out.selinux ||
                        !out.apparmor_profile.empty() || out.oom_score_adj;
  if (confines)
    throw Error(Errc::unsupported, cat(path, ": only resources and os/unix/sysctl belong to a pod as a whole"))
        .hint("give the others to each app");
  return out;
}

}  // namespace rkt::appc
