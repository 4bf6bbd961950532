// SPDX-License-Identifier: Apache-2.0
#include "sys/channel.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "sys/file.h"

namespace rkt {
namespace {

TEST(Channel, MessagesStayWholeAndCarryDescriptors) {
  auto [a, b] = Channel::make_pair();
  const UniqueFd file = memory_file("f", "inside");
  a.send("one", {file.get()});
  a.send(std::string(kMaxMessage, 'x'));
  auto first = b.receive();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->text, "one");
  ASSERT_EQ(first->fds.size(), 1U);
  EXPECT_EQ(read_all(first->fds[0].get(), "f"), "inside");
  EXPECT_NE(::fcntl(first->fds[0].get(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_EQ(b.receive()->text.size(), kMaxMessage);
}

TEST(Channel, TheEndOfThePeerIsNotAMessage) {
  auto [a, b] = Channel::make_pair();
  a.close();
  EXPECT_FALSE(b.receive());
  EXPECT_THROW(b.send("x"), Error);
}

TEST(Channel, AMessageThatIsTooLargeIsRefused) {
  auto [a, b] = Channel::make_pair();
  EXPECT_THROW(a.send(std::string(kMaxMessage + 1, 'x')), Error);
}

}  // namespace
}  // namespace rkt
