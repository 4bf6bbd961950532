// SPDX-License-Identifier: Apache-2.0
// Headers of tar and pax as pure functions; names and whiteouts of entries.
#include "tests/fuzz/fuzz.h"
#include "worker/unpack/names.h"
#include "worker/unpack/tar_header.h"

void fuzz_one(std::string_view bytes) {
  using namespace rkt::unpack;
  using rkt::fuzz::require;
  using rkt::fuzz::tolerate;
  const std::span<const std::uint8_t> raw(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (raw.size() >= kTarBlock) {
    const auto block = raw.first(kTarBlock);
    tolerate([&] { parse_tar_header(block); });
    std::vector<Extent> extents;
    tolerate([&] { parse_more_extents(block, extents); });
    tolerate([&] { check_extents(extents, std::uint64_t{1} << 40, bytes.size()); });
  }
  tolerate([&] {
    const auto pax = parse_pax(bytes);
    if (pax.sparse) check_extents(pax.sparse->extents, pax.sparse->real_size.value_or(0), pax.size.value_or(0));
  });
  if (const auto time = parse_pax_time(bytes)) require(time->tv_nsec >= 0 && time->tv_nsec < 1'000'000'000);
  tolerate([&] {
    const std::string clean = clean_name(bytes);
    require(clean_name(clean.empty() ? "." : clean) == clean);
    require(!clean.starts_with('/') && clean.find("//") == std::string::npos);
    for (const char* up : {"../", "/../"}) require(!clean.starts_with(up) && clean.find("/../") == std::string::npos);
    parse_whiteout(clean);
  });
  tolerate([&] { clean_link_target(bytes); });
}
