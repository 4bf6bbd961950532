// SPDX-License-Identifier: Apache-2.0
// Image arguments in every form, whatever lies at their paths.
#include "image/argument.h"
#include "tests/fuzz/fuzz.h"

void fuzz_one(std::string_view bytes) {
  using rkt::image::Argument;
  using rkt::image::PathKind;
  for (const auto there : {PathKind::missing, PathKind::file, PathKind::archive, PathKind::directory, PathKind::layout})
    for (const bool ids : {false, true})
      rkt::fuzz::tolerate([&] {
        const Argument a = rkt::image::classify(bytes, ids, "/cwd", [&](const std::string&) { return there; });
        const bool path = a.kind == Argument::Kind::file || a.kind == Argument::Kind::layout ||
                          a.kind == Argument::Kind::layout_archive;
        rkt::fuzz::require(!path || a.text.starts_with('/'));
      });
}
