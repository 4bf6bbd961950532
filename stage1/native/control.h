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
// An answer is an exit status for the asking program (0: done; 5: the app does not run; 7: it was begun, and its end is
// on record) and a line of text.
#pragma once

#include <poll.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

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
constexpr int kEndedEarly = 7;  ///< of start; any other failure: nothing of the app was begun

/// The answering side, part of an event loop. Also of POD/attach, whose requests look the same.
class ControlSocket {
 public:
  struct Asked {
    ControlRequest request;
    UniqueFd client;
  };
  static constexpr std::size_t kMost = 32;
  /// Makes POD/NAME anew. `most`: so many clients may be there that have not asked yet.
  ControlSocket(const DirFd& pod, const char* name, std::size_t most = kMost);
  void watch(std::vector<pollfd>& events) const;
  /// Polled: who has asked. What was no request is dropped.
  std::vector<Asked> take(std::span<const pollfd> events);

 private:
  UniqueFd accept();

  UniqueFd fd_, reserve_;  // the reserve makes room for turning somebody away
  std::size_t most_;
  std::vector<UniqueFd> clients_;
};

constexpr const char* kControlSocket = "control";

/// One message; nullopt: the other side has gone, or sent nothing.
std::optional<std::string> receive_text(int fd, std::size_t limit);

/// A client that has gone does not matter.
void send_answer(int client, const ControlAnswer& answer);

/// The asking side. These throw when the pod's outer process cannot be reached, or does not answer.
UniqueFd connect_to(const DirFd& pod, const char* name);
ControlAnswer ask(int server, std::string_view request);
/// `lock` is closed as soon as whoever asks from then on is answered later.
ControlAnswer ask(const DirFd& pod, const ControlRequest& request, UniqueFd lock = {});

}  // namespace rkt::native
