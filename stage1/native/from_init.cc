// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/from_init.h"

#include <utility>

namespace rkt::native {

bool FromInit::takes(const Message& m) {
  const auto advance = [&](AppState to) {
    return m.app < apps_.size() && apps_[m.app] < to && (apps_[m.app] = to, true);
  };
  switch (m.kind) {
    case Message::Kind::started:
      return advance(AppState::started);
    case Message::Kind::ended:
      return advance(AppState::ended);
    case Message::Kind::assembled:
      return !ready_ && !std::exchange(assembled_, true);
    case Message::Kind::ready:
      return !std::exchange(ready_, true);
    case Message::Kind::line:
    case Message::Kind::over:
      return true;
    case Message::Kind::restarts:
    case Message::Kind::start:
    case Message::Kind::stop:
    case Message::Kind::signal:
      return false;
  }
  return false;
}

}  // namespace rkt::native
