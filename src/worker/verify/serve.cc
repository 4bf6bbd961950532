// SPDX-License-Identifier: Apache-2.0
#include "worker/verify/serve.h"

#include <string>
#include <vector>

#include "base/error.h"
#include "base/printable.h"
#include "base/strings.h"
#include "json/reader.h"
#include "json/value.h"
#include "sys/file.h"
#include "worker/verify/plain.h"
#include "worker/verify/protocol.h"
#include "worker/verify/verify.h"

namespace rkt::verify {
namespace {

json::Array texts(const std::vector<std::string>& list) { return {list.begin(), list.end()}; }

int descriptor(const Channel::Message& message, std::size_t index) {
  if (index >= message.fds.size()) throw Error(Errc::bug, "verify request lacks descriptors");
  return message.fds[index].get();
}

// The key files were sent one after the other in one descriptor.
std::vector<RingFile> read_ring(const json::Reader& request, int fd) {
  const auto entries = request.items("keys");
  if (entries.size() > kMaxRing) throw Error(Errc::bug, "too many keys in a verify request");
  const std::string all = read_all(fd, "keys", kMaxRing * kMaxKeyFileBytes);
  std::vector<RingFile> ring;
  std::size_t at = 0;
  for (const auto& entry : entries) {
    const auto size = static_cast<std::size_t>(entry.at("size").integer(0, static_cast<std::int64_t>(all.size() - at)));
    ring.push_back({.name = entry.at("name").text(), .bytes = all.substr(at, size)});
    at += size;
  }
  return ring;
}

std::string encode(const Result& result) {
  json::Object out;
  out.set("why", why_name(result.why));
  out.set("fingerprint", result.fingerprint);
  out.set("identities", texts(result.identities));
  json::Array unusable;
  for (const auto& file : result.unusable) {
    json::Object entry;
    entry.set("index", std::uint64_t{file.index});
    entry.set("found", file.found);
    unusable.emplace_back(std::move(entry));
  }
  out.set("unusable", std::move(unusable));
  return json::write(std::move(out));
}

void answer_inspect(Channel& channel, const Channel::Message& message) {
  const std::string bytes = read_all(descriptor(message, 0), "key file", kMaxKeyFileBytes);
  refuse_private_keys(bytes);
  const auto keys = is_pem_key_file(bytes) ? std::vector{inspect_pem(bytes)} : inspect(bytes);
  for (const auto& key : keys) {
    write_all(descriptor(message, 1), key.armored, "keys");
    json::Object out;
    out.set("fingerprint", key.fingerprint);
    out.set("subkeys", texts(key.subkeys));
    out.set("revoked", texts(key.revoked));
    out.set("identities", texts(key.identities));
    out.set("size", std::uint64_t{key.armored.size()});
    channel.send(json::write(std::move(out)));
  }
  json::Object end;
  end.set("end", true);
  channel.send(json::write(std::move(end)));
}

void answer(Channel& channel, const Channel::Message& message) {
  const json::Value value = json::parse(message.text);
  const json::Reader request(value, "verify request");
  const std::string& op = request.at("op").text();
  if (op == "inspect") return answer_inspect(channel, message);
  if (op != "verify" && op != "issuer" && op != "plain" && op != "message")
    throw Error(Errc::bug, cat("unknown verify request ", quoted(op)));
  const std::string signature = read_all(descriptor(message, 0), "signature", kMaxSignatureBytes);
  const auto ring = read_ring(request, descriptor(message, 1));
  if (op == "message") {
    const MessageResult found = verify_message(signature, ring);
    write_all(descriptor(message, 2), found.content, "content");
    return channel.send(encode(found.result));
  }
  if (op == "plain")
    return channel.send(
        encode(verify_plain(read_all(descriptor(message, 2), "payload", kMaxPayloadBytes), signature, ring)));
  channel.send(encode(op == "verify" ? verify_detached(descriptor(message, 2), signature, ring)
                                     : check_issuer(signature, ring)));
}

}  // namespace

void serve(Channel& channel, const Channel::Message& request) {
  json::Object failure;
  try {
    return answer(channel, request);
  } catch (const Error& e) {
    failure.set("error", printable(e.brief(), 1000));
    failure.set("invalid", e.code() == Errc::invalid);
  } catch (const std::exception& e) {
    failure.set("error", printable(e.what(), 1000));
    failure.set("invalid", false);
  }
  channel.send(json::write(std::move(failure)));
}

}  // namespace rkt::verify
