# SPDX-License-Identifier: Apache-2.0
"""Programs in C for images: what a hostile app does that no tool of an image can."""
import subprocess

from rktlib import entry

# int leave(int fd): a descriptor in a message to /dev/log, which nobody takes out of there.
LEAVE = r"""
#define _GNU_SOURCE
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
static int leave(int fd) {
  struct sockaddr_un log = {AF_UNIX, "/dev/log"};
  union { struct cmsghdr header; char room[CMSG_SPACE(sizeof(int))]; } control = {0};
  struct iovec text = {"x", 1};
  struct msghdr m = {&log, sizeof log, &text, 1, &control, sizeof control, 0};
  struct cmsghdr* c = CMSG_FIRSTHDR(&m);
  c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS, c->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(c), &fd, sizeof fd);
  return (int)sendmsg(socket(AF_UNIX, SOCK_DGRAM, 0), &m, 0);
}
"""


def compiled(rkt, name, source):
    """Path of the static program."""
    program = rkt.tmp / name
    (rkt.tmp / f"{name}.c").write_text(source)
    subprocess.run(["gcc", "-O2", "-static", "-w", "-o", program, f"{program}.c"], check=True)
    return program


def in_image(rkt, name, source):
    """The same as the file /NAME of an image."""
    return entry(f"rootfs/{name}", compiled(rkt, name, source).read_bytes(), mode=0o755)
