// SPDX-License-Identifier: Apache-2.0
// POD/control: what the entry points app_* ask of the outer process of a mutable pod. A SOCK_SEQPACKET socket that only
// root may use; one request a connection, answered when it is done.
//
//   add APP      whether the app of that name in the manifest could start here
//   start APP    answered when its process was started, or when it is ready if it speaks sd_notify; or could not be
//   stop APP [MS]  its stop signal, that grace (ten seconds), SIGKILL; answered when it has ended
//   kill APP     SIGKILL; likewise
//   rm APP       what the pod still has of an app that does not run is given back
//
// An answer is an exit status for the asking program (0: done; 5: the app does not run) and a line of text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sys/dir.h"
#include "sys/fd.h"

namespace rkt::native {

struct ControlRequest {
  std::string verb, app, argument = {};
};
struct ControlAnswer {
  int status = 0;
  std::string text = {};
};
constexpr int kNotRunning = 5;  ///< reference: pods §2.6

class ControlSocket {
 public:
  /// Makes POD/NAME anew.
  ControlSocket(const DirFd& pod, const char* name);
  int fd() const noexcept { return fd_.get(); }
  /// The next client, non-blocking; empty: none that may ask.
  UniqueFd accept();

 private:
  UniqueFd fd_, reserve_;  // the reserve makes room for turning somebody away
};

constexpr const char* kControlSocket = "control";

/// One message; nullopt: the other side has gone, or sent nothing.
std::optional<std::string> receive_text(int fd, std::size_t limit);

/// nullopt: no request, but something else, or nothing at all.
std::optional<ControlRequest> receive_request(int client);
/// A client that has gone does not matter.
void send_answer(int client, const ControlAnswer& answer);

/// The asking side. These throw when the pod's outer process cannot be reached, or does not answer.
UniqueFd connect_to(const DirFd& pod, const char* name);
ControlAnswer ask(int server, std::string_view request);
ControlAnswer ask(const DirFd& pod, const ControlRequest& request);

}  // namespace rkt::native
