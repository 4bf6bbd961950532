// SPDX-License-Identifier: Apache-2.0
#include "worker/verify/packets.h"

#include <algorithm>
#include <array>
#include <span>

#include "base/base64.h"
#include "base/error.h"
#include "base/escapes.h"
#include "base/strings.h"
#include "worker/verify/protocol.h"

namespace rkt::verify {
namespace {

[[noreturn]] void malformed(std::string_view why) { throw Error(Errc::invalid, cat("openpgp: invalid data: ", why)); }

// A cursor that cannot leave its bytes.
class Bytes {
 public:
  explicit Bytes(std::string_view s) : s_(s) {}
  bool empty() const noexcept { return s_.empty(); }
  std::size_t left() const noexcept { return s_.size(); }
  std::optional<std::uint32_t> number(std::size_t width) {
    const auto raw = take(width);
    if (!raw) return std::nullopt;
    std::uint32_t n = 0;
    for (const char c : *raw) n = n << 8 | static_cast<std::uint8_t>(c);
    return n;
  }
  std::optional<std::string_view> take(std::size_t n) {
    if (n > s_.size()) return std::nullopt;
    const auto out = s_.substr(0, n);
    s_.remove_prefix(n);
    return out;
  }

 private:
  std::string_view s_;
};

// ---- armor

// In the standard alphabet only, which base64_decode() is not particular about.
std::string decode_armor(std::string_view text) {
  auto bytes = text.find_first_of("-_") == std::string_view::npos ? base64_decode(text) : std::nullopt;
  if (!bytes) malformed("foreign character in the armor, or it is cut off");
  return std::move(*bytes);
}

std::uint32_t crc24(std::string_view bytes) noexcept {
  std::uint32_t crc = 0xb704ce;
  for (const char c : bytes) {
    crc ^= static_cast<std::uint32_t>(static_cast<std::uint8_t>(c)) << 16;
    for (int i = 0; i < 8; ++i) {
      crc <<= 1;
      if ((crc & 0x1000000) != 0) crc ^= 0x1864cfb;
    }
  }
  return crc & 0xffffff;
}

// Takes lines off the front of a text.
class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}
  std::optional<std::string_view> next() {
    if (rest_.empty()) return std::nullopt;
    const auto end = rest_.find('\n');
    const auto line = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    return trim(line);
  }

 private:
  std::string_view rest_;
};

// One block, from the line after BEGIN to its END line.
std::string read_block(Lines& lines, std::string_view end_line) {
  std::string body;
  std::optional<std::uint32_t> checksum;
  bool in_headers = true;
  while (const auto line = lines.next()) {
    if (*line == end_line) {
      std::string bytes = decode_armor(body);
      if (checksum && *checksum != crc24(bytes)) malformed("wrong checksum of the armor");
      return bytes;
    }
    if (in_headers && line->find(':') != std::string_view::npos) continue;
    in_headers = false;
    if (line->empty()) continue;
    if (checksum) malformed("data after the checksum of the armor");
    if (line->size() == 5 && line->front() == '=') {
      checksum = Bytes(decode_armor(line->substr(1))).number(3).value_or(0);
    } else {
      body += *line;
    }
  }
  malformed("the armor is cut off");
}

// ---- packets

std::optional<std::size_t> old_length(Bytes& in, unsigned kind) {
  if (kind == 3) return std::nullopt;  // indeterminate
  return in.number(std::size_t{1} << kind);
}

std::optional<std::size_t> new_length(Bytes& in) {
  const auto first = in.number(1);
  if (!first || *first < 192) return first;
  if (*first == 255) return in.number(4);
  if (*first >= 224) return std::nullopt;  // partial
  const auto second = in.number(1);
  if (!second) return std::nullopt;
  return ((*first - 192) << 8) + *second + 192;
}

// Subpacket lengths: as new_length, but 224 to 254 are two octets too.
std::optional<std::size_t> subpacket_length(Bytes& in) {
  const auto first = in.number(1);
  if (!first || *first < 192) return first;
  if (*first == 255) return in.number(4);
  const auto second = in.number(1);
  if (!second) return std::nullopt;
  return ((*first - 192) << 8) + *second + 192;
}

// `hashed`: only that area is signed, so times are believed from there alone; the issuer is a hint in either.
bool read_subpackets(std::string_view area, bool hashed, SignatureFacts& facts) {
  Bytes in(area);
  while (!in.empty()) {
    const auto length = subpacket_length(in);
    const auto raw = length ? in.take(*length) : std::nullopt;
    if (!raw || raw->empty()) return false;
    const unsigned type = static_cast<std::uint8_t>(raw->front()) & 0x7fU;
    Bytes body(raw->substr(1));
    if (hashed && type == 2 && body.left() == 4) facts.created = *body.number(4);
    if (hashed && type == 3 && body.left() == 4) facts.lifetime = *body.number(4);
    if (type == 16 && body.left() == 8) facts.key_id = hex_of(*body.take(8));
    if (type == 33 && body.left() == 21 && *body.number(1) == 4) facts.fingerprint = hex_of(*body.take(20));
  }
  return true;
}

bool is_weak(std::uint8_t hash) noexcept { return hash >= 1 && hash <= 3; }

bool is_strong(std::uint8_t hash) noexcept {
  constexpr std::array<std::uint8_t, 6> kStrong = {8, 9, 10, 11, 12, 14};  // SHA-256, 384, 512, 224, SHA3-256, SHA3-512
  return std::find(kStrong.begin(), kStrong.end(), hash) != kStrong.end();
}

bool is_binary(std::string_view bytes) noexcept {
  return !bytes.empty() && (static_cast<std::uint8_t>(bytes.front()) & 0x80U) != 0;
}

// Binary as it is; else the armored block of this label.
std::string to_binary(std::string_view bytes, std::string_view label) {
  if (is_binary(bytes)) return std::string(bytes);
  auto packets = dearmor(bytes, label);
  if (!packets) throw Error(Errc::invalid, "openpgp: invalid argument: no armored data found");
  return *std::move(packets);
}

}  // namespace

std::optional<std::string> dearmor(std::string_view text, std::string_view label) {
  const std::string begin = cat("-----BEGIN PGP ", label, "-----"), end = cat("-----END PGP ", label, "-----");
  std::optional<std::string> out;
  Lines lines(text);
  while (const auto line = lines.next()) {
    if (*line != begin) continue;
    if (!out) out.emplace();
    *out += read_block(lines, end);
  }
  return out;
}

std::vector<Packet> read_packets(std::string_view bytes) {
  std::vector<Packet> out;
  Bytes in(bytes);
  while (!in.empty()) {
    const std::size_t start = bytes.size() - in.left();
    const unsigned head = *in.number(1);
    if ((head & 0x80U) == 0) malformed("no packet where one should begin");
    const bool modern = (head & 0x40U) != 0;
    const auto length = modern ? new_length(in) : old_length(in, head & 3U);
    const auto body = length ? in.take(*length) : std::nullopt;
    if (!body) malformed("a packet is cut off");
    out.push_back({.tag = modern ? head & 0x3fU : head >> 2 & 0x0fU,
                   .body = *body,
                   .whole = bytes.substr(start, bytes.size() - in.left() - start)});
  }
  return out;
}

std::optional<SignatureFacts> read_signature(std::string_view body) {
  Bytes in(body);
  if (in.number(1) != 4U) return std::nullopt;
  SignatureFacts facts;
  const auto type = in.number(1), algorithm = in.number(1), hash = in.number(1);
  if (!type || !algorithm || !hash) return std::nullopt;
  facts.type = static_cast<std::uint8_t>(*type);
  facts.hash = static_cast<std::uint8_t>(*hash);
  for (const bool hashed : {true, false}) {
    const auto length = in.number(2);
    const auto area = length ? in.take(*length) : std::nullopt;
    if (!area || !read_subpackets(*area, hashed, facts)) return std::nullopt;
  }
  if (facts.key_id.empty() && !facts.fingerprint.empty()) facts.key_id = facts.fingerprint.substr(24);
  return facts;
}

SignatureFile read_signature_file(std::string_view bytes) {
  SignatureFile out;
  if (bytes.size() > kMaxSignatureBytes) return out;
  try {
    const std::string binary = to_binary(bytes, "SIGNATURE");
    const auto packets = read_packets(binary);
    const auto foreign = [](const Packet& p) { return p.tag != kSignature; };
    if (packets.size() > kMaxSignatures || std::any_of(packets.begin(), packets.end(), foreign)) return out;
    for (const auto& packet : packets) {
      auto facts = read_signature(packet.body);
      if (!facts || facts->type > 1) continue;  // 0 and 1: over a document, as it is or as text
      facts->packet = packet.whole;
      if (is_weak(facts->hash)) out.weak.push_back(*facts);
      if (is_strong(facts->hash)) out.usable.push_back(*facts);
    }
  } catch (const Error& e) {
    if (e.code() != Errc::invalid) throw;
    return {};  // not a signature file: the caller says so
  }
  return out;
}

void refuse_private_keys(std::string_view bytes) {
  bool any = false;
  if (is_binary(bytes)) {
    const auto packets = read_packets(bytes);
    any = std::ranges::any_of(packets, [](const Packet& p) { return p.tag == kSecretKey || p.tag == kSecretSubkey; });
  } else {
    Lines lines(bytes);
    while (const auto line = lines.next())
      any = any || (line->starts_with("-----BEGIN ") && line->find("PRIVATE KEY") != std::string_view::npos);
  }
  if (any)
    throw Error(Errc::invalid, "a private key is in it")
        .hint("what is trusted is the public one alone: gpg --armor --export, or openssl pkey -pubout, writes it");
}

std::string read_key_file(std::string_view bytes) {
  if (bytes.size() > kMaxKeyFileBytes) malformed("the key file is too large");
  std::string binary = to_binary(bytes, "PUBLIC KEY BLOCK");
  const auto packets = read_packets(binary);
  const auto is_primary = [](const Packet& p) { return p.tag == kPublicKey; };
  const auto primaries = static_cast<std::size_t>(std::count_if(packets.begin(), packets.end(), is_primary));
  if (primaries == 0) throw Error(Errc::invalid, "openpgp: invalid argument: no public key found");
  if (primaries > kMaxKeysInFile) malformed(cat("more than ", kMaxKeysInFile, " keys in one file"));
  return binary;
}

}  // namespace rkt::verify
