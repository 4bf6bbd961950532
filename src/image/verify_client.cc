// SPDX-License-Identifier: Apache-2.0
#include "image/verify_client.h"

#include <fcntl.h>

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/log.h"
#include "base/printable.h"
#include "base/strings.h"
#include "json/reader.h"
#include "json/value.h"
#include "sys/channel.h"
#include "sys/file.h"
#include "sys/install.h"
#include "sys/spawn.h"

namespace rkt::image {
namespace {

namespace protocol = rkt::verify;

[[noreturn]] void ended_early() { throw Error(Errc::system, "libexec/rkt/verify ended without an answer"); }
[[noreturn]] void distrust_verifier(std::string_view what) {
  throw Error(Errc::untrusted, cat("libexec/rkt/verify gave a wrong answer: ", what));
}

// One worker process, from the request to its last answer.
class Worker {
 public:
  Worker() : Worker(Channel::make_pair()) {}
  void request(const json::Object& object, const std::vector<int>& fds) { channel_.send(json::write(object), fds); }
  json::Value answer() {
    const auto message = channel_.receive();
    if (!message) ended_early();
    json::Value value = json::parse(message->text);
    const json::Reader reader(value, "answer of libexec/rkt/verify");
    if (const auto error = reader.find("error"))
      throw Error(reader.boolean_or("invalid", false) ? Errc::invalid : Errc::system, printable(error->text()));
    return value;
  }

 private:
  explicit Worker(std::pair<Channel, Channel> ends)
      : channel_(std::move(ends.first)), child_(start(ends.second.fd())) {}

  // Its own complaints, which no answer carries: only for --debug.
  static Child start(int socket) {
    const UniqueFd null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    if (!null) throw Error::from_errno("open \"/dev/null\"");
    return Child::spawn({.exe = install_prefix() + "/libexec/rkt/verify",
                         .argv = {"verify"},
                         .out = null.get(),
                         .err = log::debug_on() ? -1 : null.get(),
                         .fds = {socket}});
  }

  Channel channel_;
  Child child_;
};

bool is_hex(std::string_view text, std::size_t size) {
  return text.size() == size && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::vector<std::string> read_identities(const json::Reader& answer) {
  std::vector<std::string> out;
  for (const auto& identity : answer.texts("identities"))
    if (out.size() < protocol::kMaxIdentities) out.push_back(printable(identity, protocol::kMaxIdentityBytes));
  return out;
}

std::string read_fingerprint(const json::Reader& answer) {
  const std::string& text = answer.at("fingerprint").text();
  if (!keystore::is_fingerprint(text) && !keystore::is_plain_key(text)) distrust_verifier("no fingerprint");
  return text;
}

std::vector<keystore::TrustedKey> keys_of_kind(const std::vector<keystore::TrustedKey>& ring, bool plain) {
  std::vector<keystore::TrustedKey> out;
  for (const auto& key : ring)
    if (keystore::is_plain_key(key.fingerprint) == plain) out.push_back(key);
  return out;
}

// The signature and the ring as the descriptors of a request.
struct Documents {
  json::Object request;
  UniqueFd signature, keys;
};

Documents documents(const char* op, const std::string& signature, const std::vector<keystore::TrustedKey>& ring) {
  if (ring.size() > protocol::kMaxRing)
    throw Error(Errc::invalid, cat("more than ", protocol::kMaxRing, " trusted keys for one image name"));
  Documents out;
  json::Array keys;
  std::string all;
  for (const auto& key : ring) {
    json::Object entry;
    entry.set("name", key.fingerprint);
    entry.set("size", std::uint64_t{key.bytes.size()});
    keys.emplace_back(std::move(entry));
    all += key.bytes;
  }
  out.request.set("op", op);
  out.request.set("keys", std::move(keys));
  out.signature = memory_file("signature", signature);
  out.keys = memory_file("keys", all);
  return out;
}

// Says which key files were left out, and returns the fingerprints of those that were not.
std::vector<std::string> usable_keys(const json::Reader& answer, const std::vector<keystore::TrustedKey>& ring) {
  std::vector<bool> left_out(ring.size());
  for (const auto& entry : answer.items("unusable")) {
    const auto index =
        static_cast<std::size_t>(entry.at("index").integer(0, static_cast<std::int64_t>(ring.size()) - 1));
    const std::string& found = entry.at("found").text();
    left_out[index] = true;
    const std::string why = is_hex(found, 40) || keystore::is_plain_key(found)
                                ? cat("fingerprint mismatch: ", quoted(ring[index].fingerprint), ":", quoted(found))
                                : std::string("no public key that can be used");
    log::note("keystore", cat("ignoring ", quoted(ring[index].path), ": ", why));
  }
  std::vector<std::string> out;
  for (std::size_t i = 0; i < ring.size(); ++i)
    if (!left_out[i]) out.push_back(ring[i].fingerprint);
  return out;
}

Verdict read_verdict(const json::Value& value, const std::vector<keystore::TrustedKey>& ring) {
  const json::Reader answer(value, "answer of libexec/rkt/verify");
  const auto why = protocol::parse_why(answer.at("why").text());
  if (!why) distrust_verifier("unknown verdict");
  Verdict out{.good = *why == Verdict::Why::ok,
              .fingerprint = answer.at("fingerprint").text(),
              .identities = read_identities(answer),
              .why = *why};
  const auto usable = usable_keys(answer, ring);
  const bool in_ring = std::find(usable.begin(), usable.end(), out.fingerprint) != usable.end();
  if (out.good && !in_ring) distrust_verifier("a key that is not in the ring");
  if (!in_ring && !is_hex(out.fingerprint, 16)) out.fingerprint.clear();
  return out;
}

// The worker may read the data, whatever the caller may do with it.
UniqueFd reopen_for_reading(int data) {
  UniqueFd fd = reopen_fd(data, O_RDONLY);
  if (!fd) throw Error::from_errno("reopen the data to verify");
  return fd;
}

KeyInfo read_key(const json::Reader& answer) {
  KeyInfo key{.fingerprint = read_fingerprint(answer),
              .subkeys = answer.texts("subkeys"),
              .revoked = answer.texts("revoked"),
              .identities = read_identities(answer),
              .armored = {}};
  for (const auto* list : {&key.subkeys, &key.revoked})
    if (!std::ranges::all_of(*list, keystore::is_fingerprint)) distrust_verifier("no fingerprint");
  return key;
}

}  // namespace

Verdict verify_detached(int data, const std::string& signature, const std::vector<keystore::TrustedKey>& all) {
  const auto ring = keys_of_kind(all, false);
  // Larger than any signature: what the worker would say, without asking it.
  if (signature.size() > protocol::kMaxSignatureBytes) return {.why = Verdict::Why::no_signature};
  const Documents given = documents("verify", signature, ring);
  const UniqueFd readable = reopen_for_reading(data);
  Worker worker;
  worker.request(given.request, {given.signature.get(), given.keys.get(), readable.get()});
  return read_verdict(worker.answer(), ring);
}

Verdict verify_plain(const std::string& data, const std::string& signature,
                     const std::vector<keystore::TrustedKey>& all) {
  const auto ring = keys_of_kind(all, true);
  if (signature.size() > protocol::kMaxSignatureBytes || data.size() > protocol::kMaxPayloadBytes)
    return {.why = Verdict::Why::no_signature};
  if (ring.empty()) return {.why = Verdict::Why::unknown_issuer};
  const Documents given = documents("plain", signature, ring);
  const UniqueFd payload = memory_file("payload", data);
  Worker worker;
  worker.request(given.request, {given.signature.get(), given.keys.get(), payload.get()});
  return read_verdict(worker.answer(), ring);
}

MessageVerdict verify_message(const std::string& message, const std::vector<keystore::TrustedKey>& all) {
  const auto ring = keys_of_kind(all, false);
  MessageVerdict out;
  if (message.size() > protocol::kMaxSignatureBytes) return out;
  const Documents given = documents("message", message, ring);
  const UniqueFd content = memory_file("content", {});
  Worker worker;
  worker.request(given.request, {given.signature.get(), given.keys.get(), content.get()});
  out.verdict = read_verdict(worker.answer(), ring);
  if (!out.verdict.good) return out;
  if (::lseek(content.get(), 0, SEEK_SET) < 0) throw Error::from_errno("rewind a memory file");
  out.content = read_all(content.get(), "content of the message", protocol::kMaxPayloadBytes);
  return out;
}

Verdict check_issuer(const std::string& signature, const std::vector<keystore::TrustedKey>& all) {
  const auto ring = keys_of_kind(all, false);
  if (signature.size() > protocol::kMaxSignatureBytes) return {.why = Verdict::Why::no_signature};
  const Documents given = documents("issuer", signature, ring);
  Worker worker;
  worker.request(given.request, {given.signature.get(), given.keys.get()});
  return read_verdict(worker.answer(), ring);
}

std::vector<KeyInfo> inspect_keys(const std::string& key_bytes) {
  if (key_bytes.size() > protocol::kMaxKeyFileBytes) throw Error(Errc::invalid, "the key file is too large");
  const UniqueFd file = memory_file("keys", key_bytes), armored = memory_file("armored keys", "");
  json::Object request;
  request.set("op", "inspect");
  Worker worker;
  worker.request(request, {file.get(), armored.get()});
  std::vector<KeyInfo> keys;
  std::vector<std::size_t> sizes;
  for (;;) {
    const json::Value value = worker.answer();
    const json::Reader answer(value, "answer of libexec/rkt/verify");
    if (answer.boolean_or("end", false)) break;
    if (keys.size() == protocol::kMaxKeysInFile) distrust_verifier("too many keys");
    keys.push_back(read_key(answer));
    sizes.push_back(static_cast<std::size_t>(answer.at("size").integer(1, 2 * protocol::kMaxKeyFileBytes)));
  }
  if (::lseek(armored.get(), 0, SEEK_SET) < 0) throw Error::from_errno("rewind a memory file");
  const std::string all = read_all(armored.get(), "armored keys", 2 * protocol::kMaxKeyFileBytes);
  std::size_t at = 0;
  for (std::size_t i = 0; i < keys.size(); at += sizes[i++]) {
    if (sizes[i] > all.size() - at) distrust_verifier("a key is missing");
    keys[i].armored = all.substr(at, sizes[i]);
  }
  if (keys.empty()) distrust_verifier("no keys");
  return keys;
}

Error refusal(const Verdict& verdict) {
  using Why = Verdict::Why;
  const auto error = [](const char* text, const char* hint = "") {
    Error e(Errc::untrusted, text);
    if (*hint != '\0') e.hint(hint);
    return e;
  };
  switch (verdict.why) {
    case Why::ok:
      return error("openpgp: signature is good");
    case Why::unknown_issuer:
      return error("openpgp: signature made by unknown entity");
    case Why::bad_signature:
      return error("openpgp: invalid signature: the data is not what was signed");
    case Why::expired_key:
      return error("openpgp: signature made by an expired key", "get the publisher's current key");
    case Why::revoked_key:
      return error("openpgp: signature made by a revoked key", "get the publisher's current key");
    case Why::expired_signature:
      return error("openpgp: signature has expired");
    case Why::no_signature:
      return error("keystore: no valid signatures found in signature file");
    case Why::text_mode:
      return error("openpgp: invalid signature: made in text mode, and the data is not that text",
                   "the publisher has to sign without --textmode");
    case Why::weak_hash:
      return error("openpgp: signature uses a weak digest (MD5, SHA-1 or RIPEMD-160)",
                   "the publisher has to sign with SHA-256 or better");
  }
  return error("openpgp: invalid signature");
}

}  // namespace rkt::image
