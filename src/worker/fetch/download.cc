// SPDX-License-Identifier: Apache-2.0
#include "worker/fetch/download.h"

#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "sys/write_at.h"
#include "worker/fetch/protocol.h"

namespace rkt::fetch {
namespace {

// A server may pay no attention to If-Range: two halves are only put together where nothing says that they are of
// different things (RFC 9110, 15.3.7.3).
bool may_continue(const std::string& validator, const Head& head) {
  const std::string now = head.field(validator.starts_with('"') ? "etag" : "last-modified");
  return now.empty() || now == validator;
}

}  // namespace

bool ToMemory::begin(const Head& /*head*/) {
  text_.clear();
  return true;
}

void ToMemory::bytes(std::string_view data) {
  if (data.size() > limit_ - text_.size())
    throw Error(Errc::invalid, cat("the server sent more than ", limit_, " bytes"));
  text_ += data;
}

ToFile::ToFile(int file, FileWant want, OnProgress on_progress, OnHeaders on_headers)
    : file_(file), want_(std::move(want)), on_progress_(std::move(on_progress)), on_headers_(std::move(on_headers)) {
  const bool can_resume = !want_.validator.empty() || !want_.digest.empty();
  if (!want_.digest.empty()) hasher_.emplace(std::string_view(want_.digest).substr(0, want_.digest.find(':')));
  have_ = can_resume ? want_.have : 0;
  if (want_.size && have_ > *want_.size) have_ = 0;
  if (hasher_ && have_ > 0) hash_present();
}

std::string ToFile::prefix() const { return want_.name.empty() ? std::string{} : cat(want_.name, ": "); }

void ToFile::cut(std::uint64_t size) {
  if (::ftruncate(file_, static_cast<off_t>(size)) < 0) throw Error::from_errno("cut the file of a download");
  if (size != 0) return;
  have_ = 0;
  if (hasher_) hasher_->restart();
}

// What cannot be read back cannot be continued.
void ToFile::hash_present() {
  std::string buffer(std::size_t{256} << 10, '\0');
  std::uint64_t at = 0;
  while (at < have_) {
    const auto want = std::min<std::uint64_t>(buffer.size(), have_ - at);
    const ssize_t n = ::pread(file_, buffer.data(), want, static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      have_ = 0;
      hasher_->restart();
      return;
    }
    hasher_->update(std::string_view(buffer).substr(0, static_cast<std::size_t>(n)));
    at += static_cast<std::uint64_t>(n);
  }
}

std::vector<std::string> ToFile::headers() {
  std::vector<std::string> out;
  if (!want_.if_none_match.empty()) out.push_back(cat("If-None-Match: ", want_.if_none_match));
  if (!want_.if_modified_since.empty()) out.push_back(cat("If-Modified-Since: ", want_.if_modified_since));
  asked_ = have_ > 0 && (!want_.validator.empty() || hasher_);
  if (asked_) {
    out.push_back(cat("Range: bytes=", have_, "-"));
    if (!want_.validator.empty()) out.push_back(cat("If-Range: ", want_.validator));
  }
  return out;
}

bool ToFile::begin(const Head& head) {
  const auto length = head.content_length();
  std::uint64_t total = length.value_or(0);
  resumed_ = false;
  if (head.status == 206) {
    const auto range = parse_content_range(head.field("content-range"));
    if (!asked_ || !range || range->first != have_) return false;
    if (!hasher_ && !may_continue(want_.validator, head)) return false;
    total = range->total.value_or(length ? have_ + *length : 0);
    cut(have_);
    resumed_ = true;
  } else {
    cut(0);
  }
  total_ = want_.size.value_or(total);
  if (want_.size && total != 0 && total != *want_.size)
    throw Error(Errc::invalid, cat(prefix(), "expected ", *want_.size, " bytes, the server announces ", total));
  if (want_.max_size != 0 && total > want_.max_size)
    throw Error(Errc::invalid, cat(prefix(), "larger than the limit of ", want_.max_size, " bytes: ", total));
  want_.validator = resume_validator(head);
  on_headers_(head, total_);
  return true;
}

void ToFile::bytes(std::string_view data) {
  const std::uint64_t limit = want_.size ? *want_.size : want_.max_size;
  if ((want_.size || limit != 0) && data.size() > limit - std::min(limit, have_)) {
    if (want_.size) throw Error(Errc::invalid, cat(prefix(), "expected ", limit, " bytes, received more"));
    throw Error(Errc::invalid, cat("larger than the limit of ", limit, " bytes"));
  }
  if (hasher_) hasher_->update(data);
  write_at(file_, {reinterpret_cast<const std::uint8_t*>(data.data()), data.size()}, have_, "write a download");
  have_ += data.size();
  const auto now = std::chrono::steady_clock::now();
  if (now - reported_ < kProgressEvery) return;
  reported_ = now;
  on_progress_(have_, total_);
}

bool ToFile::restart() {
  if (!asked_) return false;
  cut(0);
  want_.validator.clear();
  return true;
}

void ToFile::complete() {
  if (total_ != 0 && have_ < total_)
    throw Error(Errc::network, cat(prefix(), "expected ", total_, " bytes, received ", have_));
  if (want_.size && have_ != *want_.size)
    throw Error(Errc::invalid, cat(prefix(), "expected ", *want_.size, " bytes, received ", have_));
  if (hasher_)
    if (const std::string found = hasher_->digest(); found != want_.digest)
      throw Error(Errc::invalid, cat(prefix(), "expected this digest, received content with ", found));
  on_progress_(have_, total_ != 0 ? total_ : have_);
}

}  // namespace rkt::fetch
