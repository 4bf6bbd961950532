// SPDX-License-Identifier: Apache-2.0
// Armor, packets, detached signatures and key files, as far as they are framing.
#include "tests/fuzz/fuzz.h"
#include "worker/verify/packets.h"

void fuzz_one(std::string_view bytes) {
  using namespace rkt::verify;
  using rkt::fuzz::require;
  rkt::fuzz::tolerate([&] { dearmor(bytes, "SIGNATURE"); });
  rkt::fuzz::tolerate([&] {
    std::size_t at = 0;
    for (const auto& packet : read_packets(bytes)) {
      require(packet.whole.data() == bytes.data() + at && packet.whole.ends_with(packet.body));
      at += packet.whole.size();
      read_signature(packet.body);
    }
    require(at == bytes.size());
  });
  read_signature(bytes);
  const auto file = read_signature_file(bytes);
  for (const auto* list : {&file.usable, &file.weak})
    for (const auto& facts : *list) require(!facts.packet.empty());
  rkt::fuzz::tolerate([&] { read_packets(read_key_file(bytes)); });
}
