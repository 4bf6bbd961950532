// SPDX-License-Identifier: Apache-2.0
// Why something could not be started, in words.
#pragma once

#include <string>

#include "stage1/native/app_child.h"

namespace rkt::native {

/// Of a child on its way to be `exe` in `directory`.
std::string start_fault_text(const AppFault& fault, const std::string& exe, const std::string& directory);

}  // namespace rkt::native
