// SPDX-License-Identifier: Apache-2.0
// A gzip stream into a file, as it comes.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

struct isal_zstream;

namespace rkt::unpack {

class GzipWriter {
 public:
  explicit GzipWriter(int out);  ///< borrowed
  ~GzipWriter();
  GzipWriter(GzipWriter&&) = delete;
  void write(std::span<const std::uint8_t> bytes);
  void finish();  ///< once, at the end

 private:
  void run(std::span<const std::uint8_t> bytes, bool last);
  int out_;
  std::unique_ptr<isal_zstream> stream_;
  std::vector<std::uint8_t> level_buffer_, buffer_;
};

}  // namespace rkt::unpack
