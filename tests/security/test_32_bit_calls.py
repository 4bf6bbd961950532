# SPDX-License-Identifier: Apache-2.0
"""A 64-bit program may make 32-bit calls, too (int $0x80): a list of names means them as well."""
import errno
import re
import subprocess

import pytest

from cprograms import compiled
from rktlib import entry

PROGRAM = r"""
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
static int call(long nr, long a, long b, long c) {
  long r;
  __asm__ volatile("int $0x80" : "=a"(r) : "a"(nr), "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
  return (int)r < 0 ? (int)r : 0;
}
static int socketcall(unsigned family, unsigned *args) {
  args[0] = family, args[1] = SOCK_STREAM, args[2] = 0;
  return call(102, 1, (long)args, 0);
}
int main(void) {
  unsigned *args = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  printf("unix=%d vsock=%d by-socketcall=%d shmget=%d ipc=%d\n", call(359, AF_UNIX, SOCK_STREAM, 0), call(359, AF_VSOCK, SOCK_STREAM, 0),
         socketcall(AF_UNIX, args), call(395, 0, 4096, 0600), call(117, 23, 0, 4096));
}
"""


def answers(out):
    return {app: {name: errno.errorcode.get(-int(n), "works") for name, n in re.findall(r"(\S+)=(-?\d+)", line)}
            for app, line in re.findall(r"\] (\w+)\[\d+\]: (.*)", out)}


def test_filters_know_32_bit_calls_by_their_names(rkt):
    program = compiled(rkt, "calls", PROGRAM)
    if subprocess.run([program], capture_output=True).returncode != 0:
        pytest.skip("this kernel has no 32-bit calls")
    file = [entry("rootfs/calls", program.read_bytes(), mode=0o755)]
    rkt.image(exec=["/calls"], extra=file)
    rkt.image("example.com/old", exec=["/calls"], extra=file, arch="i386")
    out = answers(rkt.run("example.com/busybox", "--name=default",
                          "example.com/busybox", "--name=refused", "--seccomp=mode=remove,errno=EPERM,socket,shmget",
                          "example.com/busybox", "--name=listed", "--seccomp=mode=retain,errno=EPERM,@rkt/default-whitelist",
                          "example.com/old,arch=i386", "--name=i386", code=0).out)
    assert out["default"] == {"unix": "works", "vsock": "EAFNOSUPPORT", "by-socketcall": "ENOSYS", "shmget": "works", "ipc": "works"}
    assert out["refused"] == dict.fromkeys(out["default"], "EPERM")
    assert out["listed"]["by-socketcall"] == out["i386"]["by-socketcall"] == "works"
