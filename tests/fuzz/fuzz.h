// SPDX-License-Identifier: Apache-2.0
// Every target: whatever the bytes, a parser returns or throws rkt::Error. Anything else (another exception, a
// sanitizer report) is a finding. Values that parse are written and parsed again, and must be equal then.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"

namespace rkt::fuzz {

template <class F>
void tolerate(F&& f) {
  try {
    f();
  } catch (const Error&) {
    return;
  }
}

inline void require(bool ok) {
  if (!ok) std::abort();
}

}  // namespace rkt::fuzz

void fuzz_one(std::string_view bytes);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz_one({reinterpret_cast<const char*>(data), size});
  return 0;
}
