# SPDX-License-Identifier: Apache-2.0
"""What an app types on its terminal is not read by the shell that called rkt."""
import errno
import fcntl
import os
import pty
import re
import termios

import pytest

from cprograms import in_image

# Each way that the kernel has into ioctl; those of x86-64 only there.
PROGRAM = r"""
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
static int tell(const char *name, long r) { return printf("@%s=%d\n", name, r < 0 ? errno : 0); }
int main(void) {
  char z[] = "Z";
  tell("plain", syscall(SYS_ioctl, 0, TIOCSTI, z));
  tell("wide", syscall(SYS_ioctl, 0, 1UL << 32 | TIOCSTI, z));
  tell("tty", syscall(SYS_ioctl, open("/dev/tty", O_RDWR), TIOCSTI, z));
  tell("paste", syscall(SYS_ioctl, 0, TIOCLINUX, "\3"));
#ifdef __x86_64__
  tell("x32", syscall(0x40000000 | 514, 0, TIOCSTI, z));
  tell("x32_without_bit", syscall(514, 0, TIOCSTI, z));
  tell("x32_of_old", syscall(0x40000000 | SYS_ioctl, 0, TIOCSTI, z));
  fflush(stdout);
  int status, r;
  if (fork() == 0) {
    __asm__ volatile("int $0x80" : "=a"(r) : "a"(54), "b"(0), "c"(TIOCSTI), "d"(0) : "memory", "r8", "r9", "r10", "r11");
    _exit(-r);
  }
  wait(&status);
  errno = WIFEXITED(status) ? WEXITSTATUS(status) : EPERM;  // a kernel that has no 32-bit calls
  tell("i386", -1);
#endif
}
"""


@pytest.fixture
def typist(rkt):
    rkt.image(exec=["/type"], extra=[in_image(rkt, "type", PROGRAM)])
    return rkt


def on_a_terminal(rkt, *args):
    """Runs rkt as a shell would, and returns what each way of typing gave, and what the shell would read now."""
    master, slave = pty.openpty()
    settings = termios.tcgetattr(slave)
    settings[3] &= ~(termios.ICANON | termios.ECHO)
    termios.tcsetattr(slave, termios.TCSANOW, settings)

    def session():
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    p = rkt.start(*args, stdin=slave, stdout=slave, stderr=slave, preexec_fn=session)
    assert p.wait(60) == 0
    os.set_blocking(master, False)
    os.set_blocking(slave, False)
    said = os.read(master, 65536).decode()
    try:
        typed = os.read(slave, 100)
    except BlockingIOError:
        typed = b""
    os.close(master)
    os.close(slave)
    return {way: errno.errorcode.get(int(n), "works") for way, n in re.findall(r"@(\w+)=(\d+)", said)}, typed


FLY = "--stage1-name=coreos.com/rkt/stage1-fly"


def test_an_app_that_is_not_roots_does_not_type_for_roots_shell(typist):
    ordinary = ("example.com/busybox", "--user=1000", "--group=1000")
    answers, typed = on_a_terminal(typist, "run", FLY, *ordinary)
    assert len(answers) >= 4 and set(answers.values()) == {"EPERM"} and typed == b"", answers
    p, uuid = typist.start_pod(FLY, *ordinary, "--exec=/bin/sleep", "--", "1000", net="host")
    answers, typed = on_a_terminal(typist, "enter", uuid, "/type")
    assert len(answers) >= 4 and set(answers.values()) == {"EPERM"} and typed == b"", answers
    typist("stop", uuid, code=0)
    p.wait(20)
    # Root could read and write whatever that shell does. (EIO: a kernel that has no TIOCSTI any more.)
    answers, typed = on_a_terminal(typist, "run", FLY, "example.com/busybox")
    assert answers["plain"] == answers["tty"] == ("works" if typed else "EIO"), answers


def test_an_interactive_app_has_a_terminal_of_the_pods(typist):
    answers, typed = on_a_terminal(typist, "run", "--net=none", "--interactive", "example.com/busybox")
    assert answers["plain"] in ("works", "EIO") and typed == b"", answers
