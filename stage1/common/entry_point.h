// SPDX-License-Identifier: Apache-2.0
// What main() of a stage1 program is: the name it was executed by says what to do.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rkt::stage1 {

struct EntryPoints {
  /// Does what `name` stands for; throws Errc::usage for a name that it does not know.
  int (*dispatch)(std::string_view name, const std::vector<std::string>& args);
  /// What errors begin with.
  std::string_view (*shown)(std::string_view name);
};

/// `words`: of the command line, the first is what it was executed by. The exit status. Errors are said, once.
int run_entry_point(const std::vector<std::string>& words, const EntryPoints& points);

}  // namespace rkt::stage1
