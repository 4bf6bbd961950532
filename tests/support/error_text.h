// SPDX-License-Identifier: Apache-2.0
// For negative unit tests: the line that a person would read when `f` fails.
#pragma once

#include <string>

#include "base/error.h"

namespace rkt::test {

/// brief() of the Error that `f` throws; "" when it throws none.
template <class F>
std::string error_text(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.brief();
  }
  return "";
}

}  // namespace rkt::test
