// SPDX-License-Identifier: Apache-2.0
#include "sys/pty.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>
#include <sys/syscall.h>

#include "base/error.h"
#include "sys/file.h"

namespace rkt {

Pty Pty::make(int devpts) {
  struct statfs fs{};
  if (::fstatfs(devpts, &fs) < 0) throw Error::from_errno("look at the pod's terminals");
  if (fs.f_type != DEVPTS_SUPER_MAGIC) throw Error(Errc::invalid, "the pod's /dev/pts is no devpts");
  open_how how{};
  how.flags = O_RDWR | O_NOCTTY | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
  Pty out;
  out.master.reset(static_cast<int>(::syscall(SYS_openat2, devpts, "ptmx", &how, sizeof how)));
  if (!out.master) throw Error::from_errno("make a terminal");
  int locked = 0;
  if (::ioctl(out.master.get(), TIOCSPTLCK, &locked) < 0) throw Error::from_errno("unlock a terminal");
  out.slave.reset(::ioctl(out.master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!out.slave) throw Error::from_errno("open a terminal");
  return out;
}

bool is_terminal(int fd) { return ::isatty(fd) == 1; }

std::string terminal_type(const std::optional<std::string>& named) {
  constexpr std::size_t kLongest = 64;
  constexpr auto kFits = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-._";
  const bool is_name =
      named && !named->empty() && named->size() <= kLongest && named->find_first_not_of(kFits) == std::string::npos;
  return is_name ? *named : "vt100";
}

std::string terminal_type() { return terminal_type(env("TERM")); }

void copy_window_size(int from, int to) {
  winsize size{};
  if (::ioctl(from, TIOCGWINSZ, &size) == 0) (void)::ioctl(to, TIOCSWINSZ, &size);
}

RawMode::RawMode(int terminal) : terminal_(terminal) {
  if (::tcgetattr(terminal, &before_) < 0) throw Error::from_errno("read the settings of the terminal");
  termios raw = before_;
  ::cfmakeraw(&raw);
  if (::tcsetattr(terminal, TCSADRAIN, &raw) < 0) throw Error::from_errno("change the settings of the terminal");
}

RawMode::~RawMode() {
  if (terminal_ >= 0) ::tcsetattr(terminal_, TCSADRAIN, &before_);
}

}  // namespace rkt
