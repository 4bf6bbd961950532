// SPDX-License-Identifier: Apache-2.0
#include "cmd/data.h"

#include "base/error.h"

namespace rkt::cmd {

store::Store open_store(cli::Env& env) {
  const std::string& data = env.data_dir();
  return in_context([] { return std::string("cannot open store"); }, [&] { return store::Store::open(data); });
}

pod::Pods open_pods(cli::Env& env, std::string_view frame) {
  const std::string& data = env.data_dir();
  return in_context([&] { return std::string(frame); }, [&] { return pod::Pods::open(data); });
}

}  // namespace rkt::cmd
