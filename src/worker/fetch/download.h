// SPDX-License-Identifier: Apache-2.0
// Receivers: a small document into memory, and bytes of any number into a file that rkt opened, resumed where it can be
// proven that the halves fit together.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sys/fd.h"
#include "worker/fetch/engine.h"
#include "worker/fetch/hasher.h"

namespace rkt::fetch {

/// At most `limit` bytes; more is Errc::invalid. `fields`: header lines to send.
class ToMemory final : public Receiver {
 public:
  ToMemory(std::size_t limit, std::vector<std::string> fields) : limit_(limit), fields_(std::move(fields)) {}
  std::vector<std::string> headers() override { return fields_; }
  bool begin(const Head& head) override;
  void bytes(std::string_view data) override;
  const std::string& text() const noexcept { return text_; }

 private:
  std::size_t limit_;
  std::vector<std::string> fields_;
  std::string text_;
};

struct FileWant {
  std::string name;        ///< for messages: a digest, or ""
  std::uint64_t have = 0;  ///< bytes that are in the file already
  std::string validator;   ///< what binds them to what the server has; with `digest` not needed
  std::string if_none_match, if_modified_since;
  std::uint64_t max_size = 0;         ///< 0: no limit
  std::optional<std::uint64_t> size;  ///< exactly, when known beforehand
  std::string digest;                 ///< "ALG:HEX", or "" when nobody knows
};

class ToFile final : public Receiver {
 public:
  using OnProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;
  /// Told of each answer that begins, after the file was cut and before it grows.
  using OnHeaders = std::function<void(const Head&, std::uint64_t size)>;

  /// `file` is borrowed and written at its end, wherever it stands; with a digest it must be readable to be resumed.
  ToFile(int file, FileWant want, OnProgress on_progress, OnHeaders on_headers);

  std::vector<std::string> headers() override;
  bool begin(const Head& head) override;
  void bytes(std::string_view data) override;

  /// The server cannot continue what there is (another range, or status 416): the next attempt starts again. false:
  /// nothing was asked to be continued, so another attempt would end the same way.
  bool restart();
  /// After the last byte: everything came, and is what it had to be. Throws Errc::network for too little, Errc::invalid
  /// for other bytes. Reports the last progress.
  void complete();
  /// A file that is complete before anything was asked.
  bool is_full() const noexcept { return want_.size && have_ == *want_.size; }

  std::uint64_t size() const noexcept { return have_; }
  bool resumed() const noexcept { return resumed_; }

 private:
  void cut(std::uint64_t size);
  void hash_present();
  std::string prefix() const;

  int file_;
  FileWant want_;
  OnProgress on_progress_;
  OnHeaders on_headers_;
  std::optional<Hasher> hasher_;
  std::uint64_t have_ = 0, total_ = 0;
  bool asked_ = false;  // the running attempt asked for a range
  bool resumed_ = false;
  std::chrono::steady_clock::time_point reported_{};
};

}  // namespace rkt::fetch
