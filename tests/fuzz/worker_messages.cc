// SPDX-License-Identifier: Apache-2.0
// What rkt and its workers tell each other: either side may have been taken over.
#include "sys/file.h"
#include "tests/fuzz/fuzz.h"
#include "worker/fetch/protocol.h"
#include "worker/unpack/protocol.h"
#include "worker/verify/serve.h"

void fuzz_one(std::string_view bytes) {
  rkt::fuzz::tolerate([&] {
    const std::string text = rkt::unpack::encode(rkt::unpack::parse_request(bytes));
    rkt::fuzz::require(rkt::unpack::encode(rkt::unpack::parse_request(text)) == text);
  });
  rkt::fuzz::tolerate([&] {
    const std::string text = rkt::unpack::encode(rkt::unpack::parse_reply(bytes));
    rkt::fuzz::require(rkt::unpack::encode(rkt::unpack::parse_reply(text)) == text);
  });
  rkt::fetch::parse_kind(bytes);
  auto [ours, workers] = rkt::Channel::make_pair();
  rkt::Channel::Message request{.text = std::string(bytes)};
  for (int i = 0; i < 3; ++i) request.fds.push_back(rkt::memory_file("file", bytes));
  rkt::verify::serve(workers, request);
  rkt::fuzz::require(ours.receive().has_value());
}
