// SPDX-License-Identifier: Apache-2.0
// Pages that appc discovery reads its meta tags from, and the templates in them.
#include "tests/fuzz/fuzz.h"
#include "worker/fetch/meta.h"

void fuzz_one(std::string_view bytes) {
  using namespace rkt::fetch;
  rkt::fuzz::tolerate([&] {
    for (const auto& tag : meta_tags(bytes)) {
      rkt::fuzz::require(tag.name.starts_with("ac-") && !tag.prefix.empty() && !tag.target.empty());
      prefix_matches(tag.prefix, "example.com/app");
      render_template(tag.target, "example.com/app", {{"version", "1"}, {"os", "linux"}}, "aci");
    }
  });
  rkt::fuzz::tolerate([&] { render_template(bytes, "example.com/app", {}, "aci"); });
  rkt::fuzz::tolerate([&] { prefixes_of(bytes); });
}
