// SPDX-License-Identifier: Apache-2.0
// On a terminal the lines of all running transfers are one block above the cursor, drawn anew as a whole; a transfer
// that is over leaves the block at its top and stays on the screen.
#include "image/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/printable.h"
#include "base/strings.h"
#include "json/value.h"

namespace rkt::image {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kRedraw{100}, kLine{1000}, kJson{100};
constexpr std::size_t kMinBar = 8, kMaxBar = 40;
constexpr double kNoRate = -1;

std::string amount(std::uint64_t done, std::uint64_t total) {
  if (total == 0) return cat(size_text(done), " of an unknown total size");
  return cat(size_text(done), "/", size_text(total));
}

template <class Duration>
double rate_of(std::uint64_t bytes, Duration elapsed) {
  const double seconds = std::chrono::duration<double>(elapsed).count();
  return seconds < 0.05 ? kNoRate : static_cast<double>(bytes) / seconds;
}

ProgressView::Window window_of_stderr() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0 || size.ws_row == 0) return {};
  return {size.ws_col, size.ws_row};
}

// A terminal that went away is no reason to stop a transfer.
void write_to_stderr(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(STDERR_FILENO, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

}  // namespace

std::string size_text(std::uint64_t bytes) {
  static constexpr std::array<const char*, 7> kUnits = {"B", "KB", "MB", "GB", "TB", "PB", "EB"};
  std::uint64_t unit = 1;
  std::size_t n = 0;
  for (; bytes / unit >= 1000 && n + 1 < kUnits.size(); ++n) unit *= 1000;
  const std::uint64_t whole = bytes / unit;
  const std::uint64_t digits = n == 0 || whole >= 100 ? 1 : whole >= 10 ? 10 : 100;
  std::string fraction =
      digits == 1 ? std::string{} : std::to_string(digits + bytes % unit / (unit / digits)).substr(1);
  while (fraction.ends_with('0')) fraction.pop_back();
  return cat(whole, fraction.empty() ? "" : ".", fraction, " ", kUnits[n]);
}

ProgressView::Transfer& ProgressView::transfer_of(const Progress& progress, Clock::time_point now) {
  std::string label = printable(progress.label);
  auto it = std::ranges::find(transfers_, label, &Transfer::label);
  if (it == transfers_.end()) {
    transfers_.push_back({.label = std::move(label), .first_done = progress.done, .started = now});
    it = std::prev(transfers_.end());
  }
  if (progress.done < it->done) {  // it began again
    it->first_done = progress.done;
    it->started = now;
  }
  it->done = progress.done;
  it->total = progress.total;
  it->finished = progress.finished;
  return *it;
}

void ProgressView::show(const Progress& progress, Clock::time_point now) {
  Transfer& t = transfer_of(progress, now);
  if (form_ == Form::terminal) {
    const bool fresh = !std::exchange(t.printed, true);
    if (fresh || t.finished || now - drawn_at_ >= kRedraw) redraw(now);
    return;
  }
  const milliseconds every = form_ == Form::json ? kJson : kLine;
  // Elsewhere than on a terminal, what takes less than a moment is one line.
  if (form_ == Form::lines && !t.printed) {
    t.printed = true;
    t.refreshed = now;
  }
  if (t.finished || now - t.refreshed >= every) {
    t.refreshed = now;
    form_ == Form::json ? print_json(t, now) : print_line(t);
  }
  if (t.finished) std::erase_if(transfers_, [](const Transfer& one) { return one.finished; });
}

void ProgressView::print_line(const Transfer& t) {
  write_(t.total == 0 ? cat(t.label, ": ", amount(t.done, t.total), "\n")
                      : cat(t.label, ":  ", amount(t.done, t.total), "\n"));
}

void ProgressView::print_json(const Transfer& t, Clock::time_point now) {
  json::Object out;
  out.set("label", t.label);
  out.set("done", t.done);
  out.set("total", t.total);
  const double rate = rate_of(t.done - t.first_done, now - t.started);
  out.set("rate", rate < 0 ? json::Value() : json::Value(static_cast<std::uint64_t>(rate)));
  out.set("finished", t.finished);
  write_(cat(json::write(std::move(out)), "\n"));
}

std::string ProgressView::bar(const Transfer& t, Clock::time_point now, std::size_t columns) {
  const double rate = rate_of(t.done - t.first_done, now - t.started);
  std::string right = amount(t.done, t.total);
  if (rate >= 0) right += cat("  ", size_text(static_cast<std::uint64_t>(rate)), "/s");
  std::string line = cat(t.label, ": ");
  // The numbers change their width as they grow: the bar leaves room for the widest.
  constexpr std::size_t kNumbers = 36;
  if (t.total != 0 && line.size() + kMinBar + 3 + kNumbers <= columns) {
    const std::size_t width = std::min(kMaxBar, columns - line.size() - 3 - kNumbers);
    const double part = std::min(1.0, static_cast<double>(t.done) / static_cast<double>(t.total));
    const auto filled = static_cast<std::size_t>(part * static_cast<double>(width));
    line += cat("[", std::string(filled, '='), std::string(width - filled, ' '), "] ");
  }
  line += right;
  return line.size() < columns ? line : line.substr(0, columns - 1);
}

void ProgressView::redraw(Clock::time_point now) {
  const Window window = window_();
  std::string out;
  if (drawn_ > 0) out += cat("\r\x1b[", drawn_, "A");
  const auto draw = [&](const Transfer& t) { out += cat("\r", bar(t, now, window.columns), "\x1b[K\n"); };
  std::ranges::stable_partition(transfers_, &Transfer::finished);
  for (const auto& t : transfers_)
    if (t.finished) draw(t);
  std::erase_if(transfers_, &Transfer::finished);
  // What does not fit above the cursor could not be reached again.
  drawn_ = std::min(transfers_.size(), window.rows < 2 ? 1 : window.rows - 1);
  for (const auto& t : std::span(transfers_).first(drawn_)) draw(t);
  out += "\x1b[J";
  write_(out);
  drawn_at_ = now;
}

OnProgress progress_printer(bool json) {
  // Made when there is something to show: mostly the store has the image.
  const auto view = std::make_shared<std::optional<ProgressView>>();
  return [json, view](const Progress& progress) {
    using Form = ProgressView::Form;
    const auto form = [json] {
      return json ? Form::json : ::isatty(STDERR_FILENO) == 1 ? Form::terminal : Form::lines;
    };
    if (!*view) view->emplace(form(), write_to_stderr, window_of_stderr);
    (*view)->show(progress, ProgressView::Clock::now());
  };
}

}  // namespace rkt::image
