// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/app_log.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/error.h"
#include "base/strings.h"
#include "stage1/native/append.h"
#include "stage1/native/launch.h"

namespace rkt::native {
namespace {

constexpr std::size_t kBatch = std::size_t{40} << 10;  // with one more record still less than a file

cri::LogTime now() { return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now()); }

}  // namespace

// Records on their way to the file, many in one write.
class AppLog::Batch {
 public:
  Batch(AppLog& log, int stream) : log_(log), prefix_(cri::log_prefix(now(), stream, cri::LogTag::full)) {}
  void add(std::string_view begin, std::string_view rest, cri::LogTag tag) {
    if (text_.empty()) text_.reserve(kBatch + kMaxText + cri::kPrefixSize + 1);
    text_ += prefix_;
    text_[text_.size() - (cri::kPrefixSize - cri::kTagOffset)] = static_cast<char>(tag);
    text_ += begin;
    text_ += rest;
    text_ += '\n';
    ++count_;
    if (log_.kubernetes_) {
      plain_ += std::string_view(prefix_).substr(0, cri::kTagOffset);
      plain_ += begin;
      plain_ += rest;
      plain_ += '\n';
    }
    if (text_.size() >= kBatch) flush();
  }
  void flush() {
    if (count_ > 0) log_.write(text_, count_);
    if (!plain_.empty()) log_.kubernetes_->write(plain_);
    text_.clear();
    plain_.clear();
    count_ = 0;
  }

 private:
  AppLog& log_;
  std::string prefix_, text_, plain_;
  std::uint64_t count_ = 0;
};

AppLog::AppLog(const DirFd& pod, std::string app, LogLimits limits, Say say, std::unique_ptr<KubernetesLog> kubernetes)
    : pod_(pod), app_(std::move(app)), limits_(limits), say_(std::move(say)), kubernetes_(std::move(kubernetes)) {}

void AppLog::take(int stream, std::string_view bytes) {
  std::string& begin = unfinished_[stream - 1];
  Batch batch(*this, stream);
  while (!bytes.empty()) {
    const std::size_t room = kMaxText - begin.size();
    const std::size_t newline = bytes.substr(0, room).find('\n');
    const bool whole = newline != std::string_view::npos;
    if (!whole && bytes.size() < room) {
      begin += bytes;
      break;
    }
    const std::size_t size = whole ? newline : room;
    batch.add(begin, bytes.substr(0, size), whole ? cri::LogTag::full : cri::LogTag::partial);
    within_line_[stream - 1] = !whole;
    begin.clear();
    bytes.remove_prefix(size + (whole ? 1 : 0));
  }
  batch.flush();
}

void AppLog::end(int stream) {
  Batch batch(*this, stream);
  std::string& begin = unfinished_[stream - 1];
  if (!begin.empty()) {
    batch.add(begin, "", cri::LogTag::partial);
    within_line_[stream - 1] = true;
  }
  begin = std::string();
  batch.flush();
  if (lost_.records > 0) write("", 0);
}

void AppLog::take_message(std::string_view text) {
  const int stream = within_line_[1] && !within_line_[0] ? 1 : 2;
  Batch batch(*this, stream);
  if (std::exchange(within_line_[stream - 1], false)) batch.add("", "", cri::LogTag::full);
  for (auto line : split(text, '\n')) {
    for (; line.size() > kMaxText; line.remove_prefix(kMaxText))
      batch.add(line.substr(0, kMaxText), "", cri::LogTag::partial);
    batch.add(line, "", cri::LogTag::full);
  }
  batch.flush();
}

// Either all of it, or nothing and an error number.
int AppLog::try_write(std::string_view records) {
  try {
    open_file(records.size());
  } catch (const Error& e) {
    return e.sys_errno() != 0 ? e.sys_errno() : EIO;
  }
  const Appended done = append_whole(file_.get(), records);
  // A record that is cut would make the next one unreadable.
  if (done.broken) {
    file_.reset();
    ++number_;
  }
  if (done.err == 0) size_ += records.size();
  return done.err;
}

void AppLog::write(std::string_view records, std::uint64_t count) {
  if (lost_.records > 0 && try_write(note()) == 0) lost_ = {};
  const int err = lost_.records > 0 ? lost_.err : records.empty() ? 0 : try_write(records);
  if (err == 0) return;
  if (lost_.records == 0)
    say_(cat("the log of app ", quoted(app_), " cannot be written: ", error_text(err),
             "; its output is not kept until it can"));
  lost_.records += count;
  lost_.bytes += records.size() - count * (cri::kPrefixSize + 1);
  lost_.err = err;
}

std::string AppLog::note() const {
  return cat(cri::log_prefix(now(), 2, cri::LogTag::full), "rkt: ", lost_.records, " lines (", lost_.bytes,
             " bytes) of output could not be kept: ", error_text(lost_.err), "\n");
}

// A file that has room for `wanted` bytes.
void AppLog::open_file(std::size_t wanted) {
  if (file_ && (size_ == 0 || size_ + wanted <= limits_.size)) return;
  if (!dir_) dir_ = pod_.make_sub("logs", 0750).make_sub(app_, 0750);
  if (number_ == 0) {  // what an earlier start of the app left is gone on with
    for (const auto& name : dir_.names()) number_ = std::max(number_, parse_int<std::uint64_t>(name).value_or(0));
    if (number_ == 0) number_ = 1;
  } else if (file_) {
    ++number_;
  }
  file_.reset();
  for (;; ++number_) {
    remove_old();  // first: on a full disk that makes the room
    UniqueFd fd = dir_.open_file(cat(number_), O_WRONLY | O_CREAT | O_APPEND, 0640);
    struct stat st{};
    if (::fstat(fd.get(), &st) < 0) throw Error::from_errno(cat("look at the log of app ", quoted(app_)));
    size_ = static_cast<std::uint64_t>(st.st_size);
    if (size_ > 0 && size_ + wanted > limits_.size) continue;
    file_ = std::move(fd);
    return;
  }
}

void AppLog::remove_old() const {
  for (const auto& name : dir_.names())
    if (const auto n = parse_int<std::uint64_t>(name); n && *n + limits_.files <= number_) dir_.unlink(name);
}

}  // namespace rkt::native
