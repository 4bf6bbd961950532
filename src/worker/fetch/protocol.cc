// SPDX-License-Identifier: Apache-2.0
#include "worker/fetch/protocol.h"

#include <array>
#include <utility>

namespace rkt::fetch {
namespace {

constexpr std::array<std::pair<Errc, std::string_view>, 7> kKinds = {{{Errc::network, "network"},
                                                                      {Errc::busy, "busy"},
                                                                      {Errc::invalid, "invalid"},
                                                                      {Errc::not_found, "not_found"},
                                                                      {Errc::denied, "denied"},
                                                                      {Errc::unsupported, "unsupported"},
                                                                      {Errc::untrusted, "untrusted"}}};

}  // namespace

std::string_view kind_of(Errc code) noexcept {
  for (const auto& [known, name] : kKinds)
    if (known == code) return name;
  return "system";
}

Errc parse_kind(std::string_view kind) noexcept {
  for (const auto& [code, name] : kKinds)
    if (name == kind) return code;
  return Errc::system;
}

}  // namespace rkt::fetch
