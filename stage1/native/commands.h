// SPDX-License-Identifier: Apache-2.0
// The entry points of stage1-native (docs/devel/stage1-interface.md). The working directory is POD. Each returns the
// exit status or throws.
#pragma once

#include <string>
#include <vector>

namespace rkt::native {

int run(const std::vector<std::string>& args);
int enter(const std::vector<std::string>& args);
int attach(const std::vector<std::string>& args);
int stop(const std::vector<std::string>& args);
int gc(const std::vector<std::string>& args);
/// `verb`: add, start, stop or rm.
int operate(const std::string& verb, const std::vector<std::string>& args);

}  // namespace rkt::native
