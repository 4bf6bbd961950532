// SPDX-License-Identifier: Apache-2.0
// passwd and group of an image, and the file that enter rebuilds an app's environment from.
#include "stage1/common/accounts.h"

#include "schema/appc/environment.h"
#include "tests/fuzz/fuzz.h"

void fuzz_one(std::string_view bytes) {
  using std::operator""sv;
  for (const auto name : {"root"sv, "a"sv, ""sv}) {
    rkt::fuzz::tolerate([&] { rkt::stage1::find_account(bytes, name, 7); });
    rkt::fuzz::tolerate([&] { rkt::stage1::find_account(bytes, name, 4); });
  }
  rkt::fuzz::tolerate([&] {
    const auto env = rkt::appc::parse_env_file(bytes);
    const auto again = rkt::appc::parse_env_file(rkt::appc::write_env_file(env));
    rkt::fuzz::require(again == env);
  });
}
