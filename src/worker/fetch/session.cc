// SPDX-License-Identifier: Apache-2.0
#include "worker/fetch/session.h"

#include "base/printable.h"
#include "base/strings.h"
#include "json/reader.h"
#include "sys/file.h"
#include "worker/fetch/protocol.h"

namespace rkt::fetch {
namespace {

Options read_options(const Channel::Message& message) {
  const json::Value first = json::parse(message.text);
  const json::Reader in(first, "request");
  const bool has_ca = in.boolean_or("ca", false);
  if (in.at("op").text() != "options" || message.fds.size() != (has_ca ? 2U : 1U))
    throw Error(Errc::bug, "the first request is not the options");
  const json::Value value = json::parse(read_all(message.fds[0].get(), "options", kMaxOptions));
  const json::Reader options(value, "options");
  Options out{.insecure_tls = options.boolean_or("insecure_tls", false),
              .allow_http = options.boolean_or("allow_http", false),
              .auth = {},
              .aws = {},
              .certificates = {}};
  for (const auto& [host, header] : options.at("auth").members()) out.auth[lower(host)] = header.text();
  if (const auto aws = options.find("aws"))
    for (const auto& [host, key] : aws->members())
      out.aws[lower(host)] = {key.at("id").text(), key.at("secret").text(), key.text_or("region", "")};
  if (const auto stall = options.find("stall_ms")) out.stall = std::chrono::milliseconds(stall->integer(1, 3'600'000));
  if (has_ca) out.certificates = read_all(message.fds[1].get(), "certificates", kMaxCertificates);
  return out;
}

}  // namespace

Session::Session(Channel channel) : channel_(std::move(channel)) {
  const auto first = channel_.receive();
  if (!first) throw Error(Errc::system, "the channel closed before the options came");
  options_ = read_options(*first);
}

const Access& Session::access(std::string_view host) const {
  static const Access kNothingParticular;
  const auto found = access_.find(lower(host));
  return found == access_.end() ? kNothingParticular : found->second;
}

void Session::set_access(const std::string& host, Access access) {
  access_.insert_or_assign(lower(host), std::move(access));
}

void Session::tell(json::Object event) { channel_.send(json::write(std::move(event))); }

void Session::debug(std::string_view text) {
  json::Object out;
  out.set("event", "debug");
  out.set("text", printable(text, 1000));
  tell(std::move(out));
}

void Session::progress(std::size_t index, std::uint64_t done, std::uint64_t total) {
  json::Object out;
  out.set("event", "progress");
  out.set("index", std::uint64_t{index});
  out.set("done", done);
  out.set("total", total);
  tell(std::move(out));
}

void Session::await_go() {
  const auto answer = channel_.receive();
  if (!answer) throw Error(Errc::system, "rkt has gone away");
  const json::Value value = json::parse(answer->text);
  if (json::Reader(value, "request").at("op").text() != "go") throw Error(Errc::bug, "rkt said something else than go");
}

}  // namespace rkt::fetch
