// SPDX-License-Identifier: Apache-2.0
#include "sys/signal_name.h"

#include <gtest/gtest.h>
#include <signal.h>

namespace rkt {
namespace {

TEST(SignalNameTest, ReadsWhatImagesWrite) {
  EXPECT_EQ(parse_signal("SIGTERM"), SIGTERM);
  EXPECT_EQ(parse_signal("quit"), SIGQUIT);
  EXPECT_EQ(parse_signal("9"), SIGKILL);
  EXPECT_EQ(parse_signal("SIGRTMIN+3"), 37);  // what systemd in a container wants
  EXPECT_EQ(parse_signal("RTMAX-1"), 63);
  EXPECT_EQ(parse_signal("SIGRTMIN"), 34);
}

TEST(SignalNameTest, RefusesWhatIsNoSignal) {
  for (const auto* bad : {"", "0", "65", "-1", "SIG", "SIGNOPE", "SIGRTMIN+99", "SIGRTMIN-1", "RTMAX+1", "TERM "})
    EXPECT_EQ(parse_signal(bad), std::nullopt) << bad;
}

}  // namespace
}  // namespace rkt
