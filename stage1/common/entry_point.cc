// SPDX-License-Identifier: Apache-2.0
#include "stage1/common/entry_point.h"

#include "base/error.h"
#include "base/log.h"
#include "sys/start.h"

namespace rkt::stage1 {

int run_entry_point(const std::vector<std::string>& words, const EntryPoints& points) {
  const std::string_view path = words.empty() ? std::string_view() : std::string_view(words[0]);
  const std::string_view name = path.substr(path.rfind('/') + 1);
  try {
    start_clean();
    return points.dispatch(name, {words.begin() + (words.empty() ? 0 : 1), words.end()});
  } catch (const Error& e) {
    log::note(points.shown(name), log::debug_on() ? e.tree() : e.brief());
    return e.exit_code();
  } catch (const std::exception& e) {
    log::note(points.shown(name), e.what());
    return 254;
  }
}

}  // namespace rkt::stage1
