// SPDX-License-Identifier: Apache-2.0
// What an app's standard streams are (docs/devel/app-streams.md; reference: pods §8.3).
//
//   null     nothing: /dev/null. What stdin is when nobody says otherwise
//   log      rkt's own output and the app's log. What stdout and stderr are when nobody says otherwise
//   stream   a pipe for those who attach; output is in the log, too, but not in rkt's own
//   tty      the same with a terminal, one for all streams of the app that want it
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "schema/appc/types.h"
#include "stage1/native/app_log.h"
#include "sys/fd.h"
#include "sys/userns.h"

namespace rkt::native {

class Relay;
struct AppPlan;

struct AppStdio {
  UniqueFd in, out, err;  ///< the app's side; empty: its /dev/null
};

enum class StreamMode : std::uint8_t { null, log, stream, tty };

struct AppStreams {
  StreamMode in = StreamMode::null, out = StreamMode::log, err = StreamMode::log;
  LogLimits log;
  std::optional<KubernetesLogPlace> kubernetes = std::nullopt;
  bool attachable() const { return in != StreamMode::null || out > StreamMode::log || err > StreamMode::log; }
  bool has_terminal() const { return in == StreamMode::tty || out == StreamMode::tty || err == StreamMode::tty; }
};

/// From an app's annotations. Throws `invalid stdin mode "X"`, and what is wrong with a limit of the log.
AppStreams plan_streams(const std::vector<appc::Annotation>& annotations);

struct StreamContext {
  Relay& relay;
  const DirFd& pod;     ///< POD
  std::size_t index;    ///< of the app, for the relay
  bool lines;           ///< on the console, with a prefix
  const DirFd& devpts;  ///< the pod's
};
/// Makes them: the app's side is given back, the other one is the relay's.
AppStdio make_stdio(const AppPlan& app, const StreamContext& context);
/// Makes the app's log, and has what it gives to syslog(3) kept there, whatever its streams are.
std::shared_ptr<AppLog> make_log(const AppPlan& app, const StreamContext& context);

/// Whose terminals are, seen from the host.
gid_t tty_group(const std::optional<IdRange>& users);

/// An app opens /dev/stdout, or /dev/tty, again as the user it is.
void give_to(const AppPlan& app, int fd);
void give_terminal(const AppPlan& app, int fd);

}  // namespace rkt::native
