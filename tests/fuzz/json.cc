// SPDX-License-Identifier: Apache-2.0
#include "json/value.h"
#include "tests/fuzz/fuzz.h"

void fuzz_one(std::string_view bytes) {
  rkt::fuzz::tolerate([&] {
    const std::string text = rkt::json::write(rkt::json::parse(bytes));
    rkt::fuzz::require(rkt::json::write(rkt::json::parse(text)) == text);
    const std::string pretty = rkt::json::write(rkt::json::parse(text), rkt::json::Style::pretty);
    rkt::fuzz::require(rkt::json::write(rkt::json::parse(pretty)) == text);
  });
}
