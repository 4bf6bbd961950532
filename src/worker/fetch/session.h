// SPDX-License-Identifier: Apache-2.0
// What holds for all requests of one client: its options, and the channel to it. The channel is watched during every
// transfer, so that the worker ends as soon as rkt does.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "json/value.h"
#include "sys/channel.h"

namespace rkt::fetch {

struct Options {
  bool insecure_tls = false, allow_http = false;
  std::map<std::string, std::string> auth;  ///< host[:port] in lower case -> Authorization
  std::map<std::string, std::pair<std::string, std::string>> registry_auth;  ///< registry host -> user, password
  std::string certificates;                                                  ///< PEM; "" for the system's
};

class Session {
 public:
  /// Receives the options. Throws when the channel closes before.
  explicit Session(Channel channel);

  const Options& options() const noexcept { return options_; }
  Channel& channel() noexcept { return channel_; }

  void tell(json::Object event);  ///< sends one event
  void debug(std::string_view text);
  void progress(std::size_t index, std::uint64_t done, std::uint64_t total);
  /// Waits for rkt's {"op":"go"}.
  void await_go();

 private:
  Channel channel_;
  Options options_;
};

}  // namespace rkt::fetch
