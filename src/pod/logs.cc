// SPDX-License-Identifier: Apache-2.0
#include "pod/logs.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"

namespace rkt::pod {
namespace {

constexpr std::size_t kChunk = std::size_t{64} << 10;  // records are shorter; what is longer without an end is none

cri::LogTime changed(const DirFd& dir, std::uint64_t number) {
  struct stat st{};
  if (::fstatat(dir.get(), cat(number).c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) return {};
  return cri::LogTime(std::chrono::seconds(st.st_mtim.tv_sec) + std::chrono::nanoseconds(st.st_mtim.tv_nsec));
}

}  // namespace

LogReader::LogReader(const DirFd& pod, std::string app, std::optional<cri::LogTime> since)
    : pod_(pod), app_(std::move(app)), since_(since) {}

bool LogReader::find_dir() {
  if (dir_) return true;
  auto logs = pod_.find_sub("logs");
  auto dir = logs ? logs->find_sub(app_) : std::nullopt;
  if (dir) dir_ = std::move(*dir);
  return dir.has_value();
}

std::vector<std::uint64_t> LogReader::numbers() const {
  std::vector<std::uint64_t> out;
  for (const auto& name : dir_.names())
    if (const auto n = parse_int<std::uint64_t>(name)) out.push_back(*n);
  std::ranges::sort(out);
  return out;
}

bool LogReader::open_file(std::uint64_t number) {
  auto file = dir_.find_file(cat(number));
  if (!file) return false;
  file_ = std::move(*file);
  number_ = number;
  last_look_ = false;
  buffer_.resize(kChunk);
  at_ = size_ = offset_ = 0;
  return true;
}

void LogReader::look() {
  end_ = {};
  if (!find_dir()) return;
  const auto all = numbers();
  if (all.empty()) return;
  struct stat st{};
  const bool there = ::fstatat(dir_.get(), cat(all.back()).c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0;
  end_ = {.number = all.back(), .size = there ? static_cast<std::size_t>(st.st_size) : 0};
}

bool LogReader::open_first() {
  const auto all = numbers();
  for (std::size_t i = 0; i < all.size() && all[i] <= end_.number; ++i) {
    if (since_ && i + 1 < all.size() && changed(dir_, all[i]) < *since_) continue;
    if (open_file(all[i])) return true;
  }
  return false;
}

// The writer has finished a file before it makes the next one. So when a later file is there, this one is read once
// more to its end.
bool LogReader::open_next() {
  if (number_ >= end_.number) return false;
  const auto all = numbers();
  const auto later = std::ranges::upper_bound(all, number_);
  if (later == all.end()) return false;
  if (!std::exchange(last_look_, true)) return true;
  const std::uint64_t before = number_;
  for (auto it = later; it != all.end() && *it <= end_.number; ++it)
    if (open_file(*it)) {
      missed_ += number_ - before - 1;
      return true;
    }
  missed_ += end_.number - before;
  number_ = end_.number;
  return false;
}

// A line without its newline; a rest that has none yet stays.
std::optional<std::string_view> LogReader::next_line() {
  for (;;) {
    const std::string_view rest = std::string_view(buffer_).substr(at_, size_ - at_);
    if (const auto newline = rest.find('\n'); newline != std::string_view::npos) {
      at_ += newline + 1;
      return rest.substr(0, newline);
    }
    if (rest.size() == buffer_.size()) {
      at_ = size_ = 0;
      continue;
    }
    buffer_.replace(0, rest.size(), std::string(rest));
    at_ = 0;
    size_ = rest.size();
    std::size_t room = buffer_.size() - size_;
    if (number_ == end_.number) room = std::min(room, end_.size - std::min(end_.size, offset_));
    const ssize_t n = ::read(file_.get(), buffer_.data() + size_, room);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw Error::from_errno(cat("read the log of app ", quoted(app_)));
    if (n == 0) return std::nullopt;
    size_ += static_cast<std::size_t>(n);
    offset_ += static_cast<std::size_t>(n);
  }
}

std::optional<cri::LogRecord> LogReader::next() {
  if (!find_dir() || (!file_ && !open_first())) return std::nullopt;
  for (;;) {
    const auto line = next_line();
    if (!line && !open_next()) return std::nullopt;
    if (!line) continue;
    if (const auto record = cri::parse_log_line(*line)) return record;
  }
}

void LogReader::watch(const Watch& watch) {
  if (find_dir()) watch.add(dir_.get(), IN_MODIFY | IN_CREATE);
}

PodLogs::PodLogs(const DirFd& pod, const std::vector<std::string>& apps, std::optional<cri::LogTime> since)
    : pod_(pod) {
  for (const auto& app : apps) sources_.push_back({.reader = LogReader(pod, app, since), .ahead = std::nullopt});
}

void PodLogs::look() {
  for (auto& s : sources_) s.reader.look();
}

std::optional<PodLogs::Entry> PodLogs::next() {
  Source* first = nullptr;
  std::size_t app = 0, i = 0;
  for (auto& s : sources_) {
    if (given_ == i) s.ahead.reset();
    if (!s.ahead) s.ahead = s.reader.next();
    if (s.ahead && (first == nullptr || s.ahead->time < first->ahead->time)) {
      first = &s;
      app = i;
    }
    ++i;
  }
  given_.reset();
  if (first == nullptr) return std::nullopt;
  given_ = app;
  return Entry{.app = app, .record = *first->ahead};
}

std::uint64_t PodLogs::take_missed() noexcept {
  std::uint64_t out = 0;
  for (auto& s : sources_) out += s.reader.take_missed();
  return out;
}

void PodLogs::watch(const Watch& watch) {
  watch.add(pod_.get(), IN_CREATE);
  if (const auto logs = pod_.find_sub("logs")) watch.add(logs->get(), IN_CREATE);
  for (auto& s : sources_) s.reader.watch(watch);
}

}  // namespace rkt::pod
