// SPDX-License-Identifier: Apache-2.0
// Memory: the libraries' state is small but for the window a stream asks for. xz is bounded by a limit that admits `xz
// -9`, zstd by the window that its own tool accepts without being told (128 MiB); neither is allocated unless a stream
// wants it.
#include "worker/unpack/decoder.h"

#include <bzlib.h>
#include <isa-l/igzip_lib.h>
#include <lzma.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "base/error.h"
#include "base/strings.h"

namespace rkt::unpack {
namespace {

constexpr std::uint64_t kXzMemory = std::uint64_t{96} << 20;
constexpr int kZstdWindowLog = 27;

[[noreturn]] void corrupt(std::string_view format, std::string_view why) {
  throw Error(Errc::invalid, cat(format, " data is corrupt: ", why));
}
[[noreturn]] void too_much_memory(std::string_view format, std::string_view remedy) {
  throw Error(Errc::invalid, cat(format, " data needs too much memory to be read")).hint(std::string(remedy));
}
[[noreturn]] void cut_off(std::string_view format) {
  throw Error(Errc::invalid, cat(format, " data ends too early: the file is cut off"));
}

class Gzip final : public Decoder {
 public:
  Gzip() { start(); }

  Step step(std::span<std::uint8_t> in, std::span<std::uint8_t> out, bool) override {
    if (between_) {
      if (in.empty()) return {};
      if (in[0] == 0 || padded_) return skip_padding(in);
      if (in[0] != 0x1f) corrupt("gzip", "something else follows its end");
      start();
    }
    state_->next_in = in.data();
    state_->avail_in = static_cast<std::uint32_t>(in.size());
    state_->next_out = out.data();
    state_->avail_out = static_cast<std::uint32_t>(out.size());
    const int r = isal_inflate(state_.get());
    if (r == ISAL_INCORRECT_CHECKSUM) corrupt("gzip", "its checksum does not match");
    if (r == ISAL_INVALID_WRAPPER || r == ISAL_UNSUPPORTED_METHOD || r == ISAL_NEED_DICT)
      corrupt("gzip", "bad member header");
    if (r < 0) corrupt("gzip", "bad deflate block");
    between_ = state_->block_state == ISAL_BLOCK_FINISH;
    return {in.size() - state_->avail_in, out.size() - state_->avail_out};
  }

  void finish() override {
    if (!between_) cut_off("gzip");
  }

 private:
  void start() {
    isal_inflate_init(state_.get());
    state_->crc_flag = ISAL_GZIP;
    between_ = false;
  }

  Step skip_padding(std::span<std::uint8_t> in) {
    padded_ = true;
    if (std::ranges::any_of(in, [](std::uint8_t b) { return b != 0; }))
      corrupt("gzip", "something else follows its end");
    return {in.size(), 0};
  }

  std::unique_ptr<inflate_state> state_ = std::make_unique<inflate_state>();
  bool between_ = false;  // a member is complete; another may follow
  bool padded_ = false;
};

class Zstd final : public Decoder {
 public:
  Zstd() : ctx_(ZSTD_createDCtx()) {
    if (!ctx_) throw Error(Errc::system, "start zstd");
    ZSTD_DCtx_setParameter(ctx_.get(), ZSTD_d_windowLogMax, kZstdWindowLog);
  }

  Step step(std::span<std::uint8_t> in, std::span<std::uint8_t> out, bool) override {
    if (in.empty() && !open_) return {};
    ZSTD_inBuffer from{in.data(), in.size(), 0};
    ZSTD_outBuffer to{out.data(), out.size(), 0};
    const std::size_t r = ZSTD_decompressStream(ctx_.get(), &to, &from);
    if (ZSTD_getErrorCode(r) == ZSTD_error_frameParameter_windowTooLarge)
      too_much_memory("zstd", "a window of 128 MiB, as of zstd --long=27, is the largest that is accepted");
    if (ZSTD_isError(r) != 0) corrupt("zstd", ZSTD_getErrorName(r));
    open_ = r != 0;
    return {from.pos, to.pos};
  }

  void finish() override {
    if (open_) cut_off("zstd");
  }

 private:
  struct Free {
    void operator()(ZSTD_DCtx* c) const noexcept { ZSTD_freeDCtx(c); }
  };
  std::unique_ptr<ZSTD_DCtx, Free> ctx_;
  bool open_ = true;  // inside a frame
};

class Xz final : public Decoder {
 public:
  Xz() {
    if (lzma_stream_decoder(&stream_, kXzMemory, LZMA_CONCATENATED) != LZMA_OK) throw Error(Errc::system, "start xz");
  }
  ~Xz() override { lzma_end(&stream_); }
  Xz(const Xz&) = delete;
  Xz& operator=(const Xz&) = delete;

  Step step(std::span<std::uint8_t> in, std::span<std::uint8_t> out, bool last) override {
    if (ended_) return {};
    stream_.next_in = in.data();
    stream_.avail_in = in.size();
    stream_.next_out = out.data();
    stream_.avail_out = out.size();
    const lzma_ret r = lzma_code(&stream_, last ? LZMA_FINISH : LZMA_RUN);
    if (r == LZMA_MEMLIMIT_ERROR)
      too_much_memory("xz", "a dictionary of 64 MiB, as of xz -9, is the largest that is accepted");
    if (r == LZMA_FORMAT_ERROR) corrupt("xz", "bad header");
    if (r == LZMA_BUF_ERROR) cut_off("xz");
    if (r != LZMA_OK && r != LZMA_STREAM_END) corrupt("xz", "bad block");
    ended_ = r == LZMA_STREAM_END;
    return {in.size() - stream_.avail_in, out.size() - stream_.avail_out};
  }

  void finish() override {
    if (!ended_) cut_off("xz");
  }

 private:
  lzma_stream stream_ = LZMA_STREAM_INIT;
  bool ended_ = false;
};

class Bzip2 final : public Decoder {
 public:
  Bzip2() { start(); }
  ~Bzip2() override { BZ2_bzDecompressEnd(&stream_); }
  Bzip2(const Bzip2&) = delete;
  Bzip2& operator=(const Bzip2&) = delete;

  Step step(std::span<std::uint8_t> in, std::span<std::uint8_t> out, bool) override {
    if (in.empty() && between_) return {};
    if (between_) {
      BZ2_bzDecompressEnd(&stream_);
      start();
    }
    stream_.next_in = reinterpret_cast<char*>(in.data());
    stream_.avail_in = static_cast<unsigned>(in.size());
    stream_.next_out = reinterpret_cast<char*>(out.data());
    stream_.avail_out = static_cast<unsigned>(out.size());
    const int r = BZ2_bzDecompress(&stream_);
    if (r == BZ_DATA_ERROR_MAGIC) corrupt("bzip2", "something else follows its end");
    if (r != BZ_OK && r != BZ_STREAM_END) corrupt("bzip2", "bad block");
    between_ = r == BZ_STREAM_END;
    return {in.size() - stream_.avail_in, out.size() - stream_.avail_out};
  }

  void finish() override {
    if (!between_) cut_off("bzip2");
  }

 private:
  void start() {
    stream_ = {};
    if (BZ2_bzDecompressInit(&stream_, 0, 0) != BZ_OK) throw Error(Errc::system, "start bzip2");
    between_ = false;
  }
  bz_stream stream_{};
  bool between_ = false;
};

bool is_text(std::span<const std::uint8_t> head) {
  return std::ranges::none_of(
      head, [](std::uint8_t b) { return b < 0x20 && b != '\n' && b != '\r' && b != '\t' && b != '\f' && b != 0x1b; });
}

}  // namespace

const char* compression_name(Compression c) {
  switch (c) {
    case Compression::tar:
      return "tar";
    case Compression::gzip:
      return "gzip";
    case Compression::bzip2:
      return "bzip2";
    case Compression::xz:
      return "xz";
    case Compression::zstd:
      return "zstd";
  }
  return "tar";
}

Compression sniff(std::span<const std::uint8_t> head) {
  const auto begins = [&](std::string_view magic, std::size_t at = 0) {
    return head.size() >= at + magic.size() && std::memcmp(head.data() + at, magic.data(), magic.size()) == 0;
  };
  if (begins("\x1f\x8b")) return Compression::gzip;
  if (begins("BZh")) return Compression::bzip2;
  if (begins(std::string_view("\xfd"
                              "7zXZ\0",
                              6)))
    return Compression::xz;
  if (begins("\x28\xb5\x2f\xfd")) return Compression::zstd;
  if (begins("\x2a\x4d\x18", 1) && (head[0] & 0xf0) == 0x50) return Compression::zstd;  // a skippable frame comes first
  if (begins("ustar", 257)) return Compression::tar;
  // The end mark alone: an archive of no entries, as builders write for a step that changed nothing.
  if (head.size() == 512 && std::ranges::all_of(head, [](std::uint8_t b) { return b == 0; })) return Compression::tar;
  if (is_text(head)) throw Error(Errc::invalid, "no type returned from DetectFileType?");
  throw Error(Errc::invalid, "error: unknown image filetype");
}

std::unique_ptr<Decoder> make_decoder(Compression c) {
  switch (c) {
    case Compression::tar:
      return nullptr;
    case Compression::gzip:
      return std::make_unique<Gzip>();
    case Compression::bzip2:
      return std::make_unique<Bzip2>();
    case Compression::xz:
      return std::make_unique<Xz>();
    case Compression::zstd:
      return std::make_unique<Zstd>();
  }
  return nullptr;
}

}  // namespace rkt::unpack
