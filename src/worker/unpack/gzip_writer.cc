// SPDX-License-Identifier: Apache-2.0
#include "worker/unpack/gzip_writer.h"

#include <isa-l/igzip_lib.h>

#include "base/error.h"
#include "sys/file.h"

namespace rkt::unpack {
namespace {

constexpr std::size_t kGzipBuffer = std::size_t{256} << 10;
constexpr std::uint32_t kGzipLevel = 1;

}  // namespace

GzipWriter::GzipWriter(int out)
    : out_(out), stream_(std::make_unique<isal_zstream>()), level_buffer_(ISAL_DEF_LVL1_DEFAULT), buffer_(kGzipBuffer) {
  isal_deflate_init(stream_.get());
  stream_->gzip_flag = IGZIP_GZIP;
  stream_->level = kGzipLevel;
  stream_->level_buf = level_buffer_.data();
  stream_->level_buf_size = static_cast<std::uint32_t>(level_buffer_.size());
}

GzipWriter::~GzipWriter() = default;

void GzipWriter::write(std::span<const std::uint8_t> bytes) {
  for (; bytes.size() > kGzipBuffer; bytes = bytes.subspan(kGzipBuffer)) run(bytes.first(kGzipBuffer), false);
  run(bytes, false);
}

void GzipWriter::finish() { run({}, true); }

void GzipWriter::run(std::span<const std::uint8_t> bytes, bool last) {
  std::vector<std::uint8_t> in(bytes.begin(), bytes.end());  // ISA-L wants it writable
  stream_->next_in = in.data();
  stream_->avail_in = static_cast<std::uint32_t>(in.size());
  stream_->end_of_stream = last ? 1 : 0;
  do {
    stream_->next_out = buffer_.data();
    stream_->avail_out = static_cast<std::uint32_t>(buffer_.size());
    if (const int r = isal_deflate(stream_.get()); r != COMP_OK) throw Error(Errc::bug, "gzip refuses its input");
    const std::size_t n = buffer_.size() - stream_->avail_out;
    write_all(out_, {reinterpret_cast<const char*>(buffer_.data()), n}, "the image file");
  } while (stream_->avail_in > 0 || stream_->avail_out == 0 || (last && stream_->internal_state.state != ZSTATE_END));
}

}  // namespace rkt::unpack
