// SPDX-License-Identifier: Apache-2.0
// What holds for all requests of one client: its options, and the channel to it. The channel is watched during every
// transfer, so that the worker ends as soon as rkt does.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <utility>

#include "json/value.h"
#include "sys/channel.h"

namespace rkt::fetch {

/// Signs requests to AWS S3.
struct AwsKey {
  std::string id, secret, region;  ///< region "": told by the host name
};

struct Options {
  bool insecure_tls = false, allow_http = false;
  std::map<std::string, std::string> auth;  ///< host[:port] in lower case -> Authorization
  std::map<std::string, AwsKey> aws;        ///< host[:port] in lower case
  std::string certificates;                 ///< PEM; "" for the system's
  std::chrono::milliseconds stall{60'000};  ///< without a byte: the connection counts as lost
};

/// What holds for one registry.
struct Access {
  std::string user, password, identity_token;
  bool insecure = false;           ///< certificates are not checked, and http will do
  std::string certificates;        ///< PEM, all that are trusted there; "": as everywhere
  std::string client, client_key;  ///< PEM, or ""
};

class Session {
 public:
  /// Receives the options. Throws when the channel closes before.
  explicit Session(Channel channel);

  const Options& options() const noexcept { return options_; }
  /// `host`: host[:port]. What was said about it last, or nothing particular.
  const Access& access(std::string_view host) const;
  void set_access(const std::string& host, Access access);
  Channel& channel() noexcept { return channel_; }

  void tell(json::Object event);  ///< sends one event
  void debug(std::string_view text);
  void progress(std::size_t index, std::uint64_t done, std::uint64_t total);
  /// Waits for rkt's {"op":"go"}.
  void await_go();

 private:
  Channel channel_;
  Options options_;
  std::map<std::string, Access> access_;  // by host in lower case
};

}  // namespace rkt::fetch
