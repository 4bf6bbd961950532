// SPDX-License-Identifier: Apache-2.0
#include "image/credential_helper.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>

#include "base/error.h"
#include "base/printable.h"
#include "base/strings.h"
#include "sys/file.h"
#include "sys/spawn.h"

namespace rkt::image {
namespace {

constexpr std::chrono::seconds kPatience{60};
constexpr std::size_t kMaxAnswer = std::size_t{256} << 10;
// What the helpers print, with a failing status, when they have nothing for a registry.
constexpr std::string_view kNobody = "credentials not found in native keychain";

std::string helper_program(const std::string& name) {
  const std::string path = env("PATH").value_or("/usr/local/bin:/usr/bin:/bin");
  for (const auto directory : split(path, ':')) {
    std::string file = cat(directory, "/", name);
    if (directory.starts_with('/') && ::access(file.c_str(), X_OK) == 0) return file;
  }
  throw Error(Errc::not_found, cat("credential helper ", quoted(name), " is not in PATH"));
}

std::vector<std::string> helper_environment() {
  return pick_env({"PATH",
                   "HOME",
                   "USER",
                   "LOGNAME",
                   "LANG",
                   "LC_ALL",
                   "TERM",
                   "DISPLAY",
                   "XDG_RUNTIME_DIR",
                   "XDG_CONFIG_HOME",
                   "XDG_DATA_HOME",
                   "DBUS_SESSION_BUS_ADDRESS",
                   "GNUPGHOME",
                   "GPG_TTY",
                   "PASSWORD_STORE_DIR",
                   "DOCKER_CONFIG",
                   "http_proxy",
                   "https_proxy",
                   "no_proxy",
                   "HTTP_PROXY",
                   "HTTPS_PROXY",
                   "NO_PROXY",
                   "AWS_PROFILE",
                   "AWS_REGION",
                   "AWS_CONFIG_FILE",
                   "AWS_SHARED_CREDENTIALS_FILE",
                   "AWS_ACCESS_KEY_ID",
                   "AWS_SECRET_ACCESS_KEY",
                   "AWS_SESSION_TOKEN",
                   "GOOGLE_APPLICATION_CREDENTIALS",
                   "CLOUDSDK_CONFIG"});
}

// What comes until the end, or until patience is over.
std::string read_answer(int fd, const std::string& what) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  std::string out;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd p{fd, POLLIN, 0};
    const int ready = left.count() <= 0 ? 0 : ::poll(&p, 1, static_cast<int>(left.count()));
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) throw Error::from_errno(cat("wait for ", what));
    if (ready == 0) throw Error(Errc::system, cat(what, " gave no answer within ", kPatience.count(), " s"));
    char buffer[4096];
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw Error::from_errno(cat("read from ", what));
    if (n == 0) return out;
    out.append(buffer, static_cast<std::size_t>(n));
    if (out.size() > kMaxAnswer) throw Error(Errc::invalid, cat(what, " says too much"));
  }
}

}  // namespace

std::optional<config::Account> ask_helper(const std::string& helper, const std::string& server) {
  const std::string name = cat("docker-credential-", helper);
  const std::string program = helper_program(name);
  const UniqueFd question = memory_file("registry", server);
  Pipe out = Pipe::make();
  Child child = Child::spawn({.exe = program,
                              .argv = {name, "get"},
                              .env = helper_environment(),
                              .in = question.get(),
                              .out = out.write_end.get()});
  out.write_end.reset();
  const std::string answer = read_answer(out.read_end.get(), name);
  const ExitStatus status = child.wait();
  if (status.ok()) return config::parse_helper_answer(answer, helper);
  if (trim(answer).starts_with(kNobody)) return std::nullopt;
  // What a failing helper prints is its complaint.
  throw Error(Errc::denied, cat("credential helper ", quoted(name), " for ", quoted(server), " ended with status ",
                                status.shell(), answer.empty() ? "" : ": ", printable(trim(answer), 300)));
}

}  // namespace rkt::image
