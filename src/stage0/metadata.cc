// SPDX-License-Identifier: Apache-2.0
#include "stage0/metadata.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstring>

#include "base/error.h"
#include "base/log.h"
#include "base/printable.h"
#include "base/strings.h"
#include "sys/file.h"

namespace rkt::stage0 {
namespace {

constexpr const char* kMarker = "mds-registered";
constexpr int kTries = 3, kBetweenTriesMs = 1000;
constexpr timeval kPatience{.tv_sec = 10, .tv_usec = 0};
constexpr std::size_t kMaxReply = 65536;

struct Answer {
  int status = 0;
  std::string text;  // first line of the body
};

UniqueFd connect_service() {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) throw Error::from_errno("make a socket");
  for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO})
    if (::setsockopt(fd.get(), SOL_SOCKET, option, &kPatience, sizeof kPatience) < 0)
      throw Error::from_errno("limit the time of a request");
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  std::strncpy(address.sun_path, kMetadataSocket, sizeof address.sun_path - 1);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0)
    throw Error::from_errno(cat("connect to ", quoted(kMetadataSocket)));
  return fd;
}

void send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw Error::from_errno("ask the metadata service");
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

Answer parse_answer(std::string_view reply) {
  const auto words = split(reply.substr(0, reply.find("\r\n")), ' ');
  const auto status = words.size() >= 2 && words[0].starts_with("HTTP/1.") ? parse_int<int>(words[1]) : std::nullopt;
  if (!status) throw Error(Errc::invalid, "the metadata service does not answer in HTTP");
  const auto end = reply.find("\r\n\r\n");
  const std::string_view body = end == std::string_view::npos ? "" : reply.substr(end + 4);
  return {.status = *status, .text = printable(body.substr(0, body.find('\n')))};
}

Answer ask(std::string_view method, std::string_view path, std::string_view body) {
  const UniqueFd fd = connect_service();
  send_all(fd.get(), cat(method, " ", path, " HTTP/1.1\r\nHost: rkt\r\nConnection: close\r\nContent-Length: ",
                         body.size(), "\r\n\r\n", body));
  return parse_answer(read_all(fd.get(), "the metadata service's answer", kMaxReply));
}

Answer ask_patiently(std::string_view method, std::string_view path, std::string_view body) {
  for (int left = kTries;;) {
    try {
      return ask(method, path, body);
    } catch (const Error& e) {
      log::note("stage0", e.brief());
      if (--left == 0) break;
    }
    ::poll(nullptr, 0, kBetweenTriesMs);
  }
  throw Error(
      Errc::network,
      "could not reach the metadata service.\nMake sure metadata service is currently running or use\n\"rkt run "
      "--mds-register=false\" to skip pod registration.\nFor more information on running metadata service,\n"
      "see `rkt metadata-service --help`.");
}

void put(const std::string& path, const std::string& body) {
  const Answer answer = ask_patiently("PUT", path, body);
  if (answer.status != 200) throw Error(Errc::invalid, cat("the metadata service refuses: ", answer.text));
}

std::string new_token() {
  std::array<std::uint8_t, 16> bytes{};
  fill_random(bytes);
  return to_hex(bytes);
}

}  // namespace

std::string register_metadata(const DirFd& pod, const Uuid& id, const std::vector<std::string>& apps) {
  return in_context([] { return std::string("failed to register the pod"); },
                    [&] {
                      std::string token = new_token();
                      const std::string path = cat("/pods/", id.str());
                      if (!pod.exists(kMarker)) write_file(pod, kMarker, "", 0640);
                      put(cat(path, "?token=", token), read_file(pod, "pod"));
                      for (const auto& app : apps)
                        put(cat(path, "/", app), read_file(pod, cat("appsinfo/", app, "/manifest")));
                      return token;
                    });
}

void unregister_metadata(const DirFd& pod, const Uuid& id) {
  if (!pod.exists(kMarker)) return;
  const Answer answer = ask("DELETE", cat("/pods/", id.str()), "");
  if (answer.status != 200 && answer.status != 404)
    throw Error(Errc::system, cat("the metadata service answers: ", answer.text));
}

}  // namespace rkt::stage0
