// SPDX-License-Identifier: Apache-2.0
// The entry points of stage1-fly, which runs one app with no isolation but a root of its own (reference: pods §6.7,
// §11.3). Each gets its arguments without argv[0]; the current directory is POD. They throw, or return the exit status;
// run and enter do not return when all went well.
#pragma once

#include <string>
#include <vector>

namespace rkt::fly {

int run(const std::vector<std::string>& args);
int enter(const std::vector<std::string>& args);
int stop(const std::vector<std::string>& args);

}  // namespace rkt::fly
