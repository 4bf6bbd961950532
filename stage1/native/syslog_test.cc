// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/syslog.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <array>
#include <cstring>

#include "base/strings.h"
#include "sys/file.h"
#include "sys/tempdir.h"

namespace rkt::native {
namespace {

constexpr Syslog::Time kSyslogBegin = Syslog::Time() + std::chrono::hours(1);

TEST(SyslogText, WhatTheLogSaysItselfIsLeftOut) {
  EXPECT_EQ(syslog_text("<13>Oct  6 00:17:09 id[1]: a text\n"), "id[1]: a text");
  EXPECT_EQ(syslog_text(std::string_view("<191>Oct 16 00:17:09 id: <1> a\nb\n\n\0", 35)), "id: <1> a\nb");
  EXPECT_EQ(syslog_text("<34>1 2003-10-11T22:14:15.003Z host id 1 - - text"),
            "1 2003-10-11T22:14:15.003Z host id 1 - - text");
}

TEST(SyslogText, WhatLooksOtherwiseIsKept) {
  for (const std::string_view text : {"text", "<>text", "<1234>text", "<12", "<12x>text", "Oct 6 00:17:09 text", "<"})
    EXPECT_EQ(syslog_text(text), text);
  EXPECT_EQ(syslog_text("<5>"), "");
  EXPECT_EQ(syslog_text("Oct  6 00:17:09 "), "");
}

class SyslogTest : public ::testing::Test {
 protected:
  SyslogTest() {
    syslog_.keep(0, std::make_shared<AppLog>(tmp_.dir(), "a", LogLimits{}, [](std::string_view) {}));
  }
  void bind() {
    tmp_.dir().unlink("log");
    const UniqueFd socket = syslog_.open(0);
    ASSERT_TRUE(socket);
    bind_syslog(socket.get(), tmp_.dir());
  }
  // 0, or errno.
  int send(std::string_view text, int descriptor = -1) {
    const UniqueFd app(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un where{};
    where.sun_family = AF_UNIX;
    const std::string path = cat(tmp_.path(), "/log");
    std::memcpy(where.sun_path, path.data(), path.size());
    iovec data{const_cast<char*>(text.data()), text.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr m{.msg_name = &where, .msg_namelen = sizeof where, .msg_iov = &data, .msg_iovlen = 1};
    if (descriptor >= 0) {
      m.msg_control = control.data();
      m.msg_controllen = control.size();
      cmsghdr* const c = CMSG_FIRSTHDR(&m);
      c->cmsg_level = SOL_SOCKET;
      c->cmsg_type = SCM_RIGHTS;
      c->cmsg_len = CMSG_LEN(sizeof(int));
      std::memcpy(CMSG_DATA(c), &descriptor, sizeof descriptor);
    }
    return ::sendmsg(app.get(), &m, MSG_DONTWAIT) < 0 ? errno : 0;
  }
  void look(Syslog::Time now = kSyslogBegin) {
    std::vector<pollfd> events;
    syslog_.watch(events);
    ASSERT_GE(::poll(events.data(), events.size(), 0), 0);
    syslog_.handle(events, now);
  }
  std::size_t watched() const {
    std::vector<pollfd> events;
    syslog_.watch(events);
    return events.size();
  }
  std::string lines() const {
    std::string out;
    const std::string all = find_file_text(tmp_.dir(), "logs/a/1", 1 << 20).value_or("");
    for (const auto line : split(all, '\n'))
      if (const auto r = cri::parse_log_line(line)) out += cat(r->text, "\n");
    return out;
  }
  TempDir tmp_;
  Syslog syslog_;
};

TEST_F(SyslogTest, EverybodyMayWriteToTheNewestSocket) {
  bind();
  struct stat st{};
  ASSERT_EQ(::lstat(cat(tmp_.path(), "/log").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode, S_IFSOCK | 0666U);
  EXPECT_EQ(send("<1>one"), 0);
  EXPECT_EQ(send(""), 0);
  bind();
  EXPECT_EQ(lines(), "one\n") << "what was sent to the one before";
  EXPECT_EQ(send("two"), 0);
  look();
  EXPECT_EQ(lines(), "one\ntwo\n");
}

TEST_F(SyslogTest, WhatWasSentBeforeTheEndIsKeptAndNothingAfterIt) {
  bind();
  EXPECT_EQ(send("last"), 0);
  syslog_.app_ended(0);
  EXPECT_EQ(lines(), "last\n");
  EXPECT_EQ(send("later"), ECONNREFUSED);
  EXPECT_FALSE(syslog_.open(0));
}

TEST_F(SyslogTest, AFloodRests) {
  bind();
  EXPECT_FALSE(syslog_.deadline());
  while (!syslog_.deadline()) {
    ASSERT_EQ(send("x"), 0);
    look();
  }
  EXPECT_EQ(syslog_.deadline(), kSyslogBegin + Syslog::kTime);
  EXPECT_EQ(watched(), 0U);
  int sent = 0;
  while (send("more") == 0) ASSERT_LT(++sent, 100'000) << "a socket has a limit";
  look(kSyslogBegin + Syslog::kTime);
  EXPECT_EQ(watched(), 1U);
  look(kSyslogBegin + Syslog::kTime);
  EXPECT_EQ(send("there is room again"), 0);
}

TEST_F(SyslogTest, AMessageOfManyLinesCountsAsMany) {
  bind();
  ASSERT_EQ(send(std::string(60'000, '\n') + "x"), 0);
  look();
  EXPECT_TRUE(syslog_.deadline());
  look(kSyslogBegin + Syslog::kTime);
  EXPECT_TRUE(syslog_.deadline()) << "it rests for longer";
}

TEST_F(SyslogTest, DescriptorsBehindMoreThanIsKeptAtTheEndAreNoticed) {
  bind();
  const std::string many = std::string(60'000, '\n') + "x";
  for (int i = 0; i < 3; ++i) ASSERT_EQ(send(many), 0);
  const Pipe pipe = Pipe::make();
  ASSERT_EQ(send("hold this", pipe.write_end.get()), 0);
  EXPECT_FALSE(syslog_.open(0)) << "else there is one more with each start";
}

TEST_F(SyslogTest, AMessageThatIsTooLongLosesItsRest) {
  bind();
  const std::string text((std::size_t{64} << 10) + 1000, 'x');
  EXPECT_EQ(send(text), 0);
  EXPECT_EQ(send("next"), 0);
  look();
  std::string kept = lines();
  std::erase(kept, '\n');  // of records
  EXPECT_EQ(kept, text.substr(1000) + "next");
}

// A connection that has something to send and lingers keeps whoever closes it last.
TEST_F(SyslogTest, DescriptorsThatAreSentHoldNobodyUp) {
  bind();
  const UniqueFd server(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in where{.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof where;
  ASSERT_EQ(::bind(server.get(), reinterpret_cast<const sockaddr*>(&where), size), 0);
  ASSERT_EQ(::listen(server.get(), 1), 0);
  ASSERT_EQ(::getsockname(server.get(), reinterpret_cast<sockaddr*>(&where), &size), 0);
  UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::connect(client.get(), reinterpret_cast<const sockaddr*>(&where), size), 0);
  const linger lingers{.l_onoff = 1, .l_linger = 60};
  ASSERT_EQ(::setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &lingers, sizeof lingers), 0);
  const std::string much(1 << 16, 'x');
  while (::send(client.get(), much.data(), much.size(), MSG_DONTWAIT) > 0) {
  }
  EXPECT_EQ(send("before"), 0);
  ASSERT_EQ(send("hold this", client.get()), 0);
  client.reset();
  const auto begin = std::chrono::steady_clock::now();
  look();
  EXPECT_EQ(watched(), 0U);
  EXPECT_EQ(send("x"), EPIPE);
  EXPECT_FALSE(syslog_.open(0)) << "an app that starts again";
  syslog_.all_ended();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(30));
  EXPECT_TRUE(lines().starts_with("before\nrkt: ")) << lines();
}

}  // namespace
}  // namespace rkt::native
