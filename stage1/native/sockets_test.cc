// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/sockets.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/strings.h"

namespace rkt::native {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Listens on a port of the kernel's choice.
std::pair<PassedSocket, std::uint16_t> passed_socket(int type, const std::string& name) {
  UniqueFd fd(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
  sockaddr_in where{};
  where.sin_family = AF_INET;
  socklen_t size = sizeof where;
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&where), size), 0);
  EXPECT_TRUE(type != SOCK_STREAM || ::listen(fd.get(), 1) == 0);
  EXPECT_EQ(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&where), &size), 0);
  return {PassedSocket{.fd = std::move(fd), .name = name}, ntohs(where.sin_port)};
}

std::vector<std::string> names(const AppSockets& sockets) {
  std::vector<std::string> out;
  for (const auto& s : sockets) out.push_back(cat(s.name, s.fd ? "" : " (to be made)"));
  return out;
}

struct Warnings {
  std::vector<std::string> all;
  auto taker() {
    return [this](std::string_view text) { all.emplace_back(text); };
  }
};

TEST(SocketsTest, EachGoesToThePortOfItsKindAndNumber) {
  auto [web, web_port] = passed_socket(SOCK_STREAM, "web.socket");
  auto [dns, dns_port] = passed_socket(SOCK_DGRAM, "");
  std::vector<PassedSocket> passed;
  passed.push_back(std::move(web));
  passed.push_back(std::move(dns));
  const SocketPort http{.name = "http", .type = SOCK_STREAM, .host_port = web_port, .pod_port = 80};
  const SocketPort other{.name = "other", .type = SOCK_STREAM, .host_port = 1, .pod_port = 1};
  const SocketPort names_port{.name = "dns", .type = SOCK_DGRAM, .host_port = dns_port, .pod_port = 53};
  Warnings warnings;
  const auto given =
      give_sockets(std::move(passed), {{}, {other, http}, {names_port}}, SocketNetwork::own, warnings.taker());
  EXPECT_THAT(names(given.at(0)), IsEmpty());
  EXPECT_THAT(names(given.at(1)), ElementsAre("other (to be made)", "web.socket"));
  EXPECT_THAT(names(given.at(2)), ElementsAre("dns"));
  EXPECT_THAT(warnings.all, IsEmpty());
}

TEST(SocketsTest, WhatIsForNobodyIsClosedAndNamed) {
  auto [web, web_port] = passed_socket(SOCK_STREAM, "web.socket");
  const int fd = web.fd.get();
  std::vector<PassedSocket> passed;
  passed.push_back(std::move(web));
  passed.push_back({.fd = std::move(Pipe::make().read_end), .name = ""});
  const SocketPort udp{.name = "p", .type = SOCK_DGRAM, .host_port = web_port, .pod_port = web_port};
  Warnings warnings;
  const auto given = give_sockets(std::move(passed), {{udp}}, SocketNetwork::own, warnings.taker());
  EXPECT_THAT(names(given.at(0)), ElementsAre("p (to be made)"));
  EXPECT_THAT(warnings.all,
              ElementsAre(HasSubstr(cat("\"web.socket\" on tcp port ", web_port)), HasSubstr("the socket is")));
  EXPECT_EQ(::fcntl(fd, F_GETFD), -1);
}

TEST(SocketsTest, OneSocketIsForOnePort) {
  const SocketPort a{.name = "a", .type = SOCK_STREAM, .host_port = 80, .pod_port = 80};
  EXPECT_THROW(give_sockets({}, {{a}, {a}}, SocketNetwork::own, {}), Error);
}

TEST(SocketsTest, WhatNobodyPassedIsMade) {
  auto [taken, port] = passed_socket(SOCK_STREAM, "");
  taken.fd.reset();
  const std::vector<std::vector<SocketPort>> wanted = {
      {{.name = "a", .type = SOCK_STREAM, .host_port = 1, .pod_port = port}}};
  auto given = give_sockets({}, wanted, SocketNetwork::own, {});
  make_missing_sockets(given.at(0));
  int listening = 0;
  socklen_t size = sizeof listening;
  EXPECT_EQ(::getsockopt(given.at(0).at(0).fd.get(), SOL_SOCKET, SO_ACCEPTCONN, &listening, &size), 0);
  EXPECT_EQ(listening, 1);
  auto again = give_sockets({}, wanted, SocketNetwork::own, {});
  EXPECT_THROW(make_missing_sockets(again.at(0)), Error);
}

TEST(SocketsTest, AnImageOpensNoPortOfTheHost) {
  auto [web, web_port] = passed_socket(SOCK_STREAM, "");
  std::vector<PassedSocket> passed;
  passed.push_back(std::move(web));
  const SocketPort named{.app = "web", .name = "http", .type = SOCK_STREAM, .host_port = web_port, .pod_port = 80};
  const SocketPort ssh{.app = "web", .name = "ssh", .type = SOCK_STREAM, .host_port = 22, .pod_port = 22};
  Warnings warnings;
  const auto given = give_sockets(std::move(passed), {{ssh, named}}, SocketNetwork::host, warnings.taker());
  EXPECT_THAT(names(given.at(0)), ElementsAre("http"));
  EXPECT_THAT(warnings.all, ElementsAre(HasSubstr(R"(port "ssh" of app "web" gets no socket)")));
}

TEST(SocketsTest, ThereIsALimitThatNamesThePort) {
  std::vector<SocketPort> many, one;
  for (std::size_t i = 0; i < kMostSockets; ++i)
    many.push_back({.app = "a",
                    .name = "p",
                    .type = SOCK_STREAM,
                    .host_port = static_cast<std::uint16_t>(i + 1),
                    .pod_port = static_cast<std::uint16_t>(i + 1)});
  EXPECT_EQ(give_sockets({}, {many}, SocketNetwork::own, {}).at(0).size(), kMostSockets);
  one.push_back({.app = "web", .name = "http", .type = SOCK_DGRAM, .host_port = 80, .pod_port = 80});
  try {
    give_sockets({}, {many, one}, SocketNetwork::own, {});
    FAIL();
  } catch (const Error& e) {
    EXPECT_THAT(e.brief(), HasSubstr(R"(port "http" of app "web": a pod has at most 256)"));
  }
}

TEST(SocketsTest, APortWhoseSocketWasPassedIsNotForwardedAsWell) {
  std::vector<net::PortForward> forwards = {{.protocol = "tcp", .host_ip = "", .host_port = 80, .pod_port = 8080},
                                            {.protocol = "udp", .host_ip = "", .host_port = 80, .pod_port = 8080},
                                            {.protocol = "tcp", .host_ip = "", .host_port = 81, .pod_port = 8081}};
  std::vector<AppSockets> sockets(1);
  sockets[0].push_back({.port = {.name = "a", .type = SOCK_STREAM, .host_port = 80, .pod_port = 8080},
                        .fd = std::move(Pipe::make().read_end),
                        .name = "a"});
  sockets[0].push_back(
      {.port = {.name = "b", .type = SOCK_STREAM, .host_port = 81, .pod_port = 8081}, .fd = {}, .name = "b"});
  drop_forwards(sockets, forwards);
  ASSERT_EQ(forwards.size(), 2U);
  EXPECT_EQ(forwards[0].protocol, "udp");
  EXPECT_EQ(forwards[1].host_port, 81);
}

}  // namespace
}  // namespace rkt::native
