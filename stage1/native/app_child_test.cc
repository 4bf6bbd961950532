// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/app_child.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <string>

#include "base/strings.h"

namespace rkt::native {
namespace {

TEST(AppChildTest, TheDocumentedStatusesAreThoseOfTheSteps) {
  std::map<int, std::string> steps;
  for (int s = static_cast<int>(AppStep::signals); s <= static_cast<int>(AppStep::exec); ++s) {
    const auto step = static_cast<AppStep>(s);
    std::string& words = steps[status_of(step)];
    words += cat(words.empty() ? "" : ", ", describe(step));
  }
  std::string table;
  for (const auto& [status, words] : steps) table += cat("| ", status, " | ", words, " |\n");

  std::ifstream page("docs/devel/errors.md");  // tests run at the top of the source tree
  std::string documented;
  std::string line;
  while (std::getline(page, line) && line != "| status | step |") continue;
  std::getline(page, line);
  while (std::getline(page, line) && line.starts_with("| ")) documented += line + "\n";
  EXPECT_EQ(documented, table);
}

}  // namespace
}  // namespace rkt::native
