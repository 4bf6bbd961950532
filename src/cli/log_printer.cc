// SPDX-License-Identifier: Apache-2.0
#include "cli/log_printer.h"

#include <unistd.h>

#include <algorithm>

#include "base/strings.h"
#include "sys/file.h"
#include "sys/pty.h"

namespace rkt::cli {
namespace {

constexpr std::size_t kMaxPending = std::size_t{64} << 10;

// As the C library decides it, without its tables.
Charset charset_of_locale() {
  for (const char* variable : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string name = lower(env(variable).value_or(""));
    if (name.empty()) continue;
    return name.find("utf-8") != std::string::npos || name.find("utf8") != std::string::npos ? Charset::utf8
                                                                                             : Charset::ascii;
  }
  return Charset::ascii;
}

}  // namespace

LogPrinter::LogPrinter(Env& env, Style style)
    : env_(env),
      style_(std::move(style)),
      holding_(style_.tail),
      escape_{!style_.raw && is_terminal(STDOUT_FILENO), !style_.raw && is_terminal(STDERR_FILENO)},
      charset_(charset_of_locale()) {}

void LogPrinter::add(const pod::PodLogs::Entry& entry) {
  if (holding_) return hold(entry);
  const auto& r = entry.record;
  print({.app = entry.app,
         .stream = r.stream,
         .time = r.time,
         .text = std::string(r.text),
         .whole = r.tag == cri::LogTag::full});
}

// Lines, not records: a long one counts as one.
void LogPrinter::hold(const pod::PodLogs::Entry& entry) {
  const auto& r = entry.record;
  const bool whole = r.tag == cri::LogTag::full;
  const auto begun = std::find_if(held_.rbegin(), held_.rend(),
                                  [&](const Line& l) { return l.app == entry.app && l.stream == r.stream; });
  if (begun != held_.rend() && !begun->whole) {
    begun->text += r.text;
    begun->whole = whole;
    return;
  }
  held_.push_back({.app = entry.app, .stream = r.stream, .time = r.time, .text = std::string(r.text), .whole = whole});
  if (held_.size() > *holding_) held_.pop_front();
}

void LogPrinter::end_tail() {
  if (!holding_) return;
  holding_.reset();
  for (const auto& line : held_) print(line);
  held_.clear();
  flush();
}

// A terminal gets no half characters, and a return only where it does not stand before the end of a line: both may be
// known with the next part only.
void LogPrinter::print(const Line& part) {
  if (!escape_[part.stream - 1]) return put(part);
  Line whole = part;
  Line& rest = rests_[{part.app, part.stream}];
  whole.text.insert(0, std::exchange(rest.text, {}));
  if (part.whole) {
    if (whole.text.ends_with('\r')) whole.text.pop_back();  // an app with a terminal ends its lines so
  } else {
    const std::size_t waits = whole.text.ends_with('\r') ? 1 : unfinished(whole.text);
    rest = whole;
    rest.text.erase(0, rest.text.size() - waits);
    whole.text.resize(whole.text.size() - waits);
    if (whole.text.empty()) return;
  }
  whole.text = visible(whole.text, charset_);
  put(whole);
}

void LogPrinter::put(const Line& part) {
  if (part.stream != stream_ || pending_.size() > kMaxPending) flush();
  stream_ = part.stream;
  auto& open = open_[part.stream - 1];
  const bool goes_on = open == part.app;
  if (open && !goes_on) pending_ += '\n';
  if (!goes_on) {
    if (style_.timestamps) pending_ += cat(cri::log_time(part.time), " ");
    if (style_.apps.size() > 1) pending_ += cat(style_.apps[part.app], ": ");
  }
  pending_ += part.text;
  if (part.whole) pending_ += '\n';
  open = part.whole ? std::nullopt : std::optional(part.app);
}

void LogPrinter::say_missed(std::uint64_t files) {
  flush();
  env_.err(cat(files, " files of the log were removed before they could be read"));
}

void LogPrinter::flush() {
  if (pending_.empty()) return;
  if (stream_ == 1)
    env_.out(pending_);
  else
    write_all(STDERR_FILENO, pending_, "standard error");
  pending_.clear();
}

void LogPrinter::end() {
  for (auto& [of, rest] : std::exchange(rests_, {})) {
    if (rest.text.empty()) continue;
    rest.text = visible(rest.text, charset_);
    put(rest);
  }
  flush();
}

}  // namespace rkt::cli
