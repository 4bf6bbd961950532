# SPDX-License-Identifier: Apache-2.0
"""Pods whose apps are launched later too: their pid 1 has nothing for it, and who is launched has nothing that its app lacks."""
import os
import re
import signal

import pytest

from cprograms import LEAVE, in_image
from rktlib import wait_until
from test_isolation import watcher, with_caps

CAP_KILL = "0000000000000020"
HANDLERS = [{"name": name, "exec": ["/bin/echo", name]} for name in ("pre-start", "post-stop")]
ONCE_MORE = '[ -e /tmp/second ] && echo up && exec sleep 1000; touch /tmp/second; exit 1'


def status_of(pid):
    with open(f"/proc/{pid}/status") as f:
        return dict(line.split(":\t", 1) for line in f.read().splitlines() if ":\t" in line)


def check_capabilities(pid):
    status = status_of(pid)
    assert {status[f"Cap{kind}"] for kind in ("Eff", "Prm", "Bnd")} == {CAP_KILL}
    assert {status[f"Cap{kind}"] for kind in ("Inh", "Amb")} == {"0" * 16} and status["NoNewPrivs"] == "1"


def held_by(pid):
    return [os.readlink(f"/proc/{pid}/fd/{n}") for n in os.listdir(f"/proc/{pid}/fd")]


def mounts_of(pid):
    with open(f"/proc/{pid}/mounts") as f:
        return [line.split()[1] for line in f]


def streams_of(p):
    """What the kernel calls the pipes of rkt's own output."""
    return {f"pipe:[{os.fstat(stream.fileno()).st_ino}]" for stream in (p.stdout, p.stderr)}


def test_who_takes_pid_1_over_can_but_signal(rkt):
    """What root executes has its bounding set."""
    rkt.image(exec=["/bin/sh", "-c", "echo up; exec sleep 1000"])
    p, uuid = rkt.start_pod("example.com/busybox")
    assert p.stdout.readline() == b"up\n"
    pid = rkt.status(uuid)["pid"]
    check_capabilities(pid)
    assert not streams_of(p) & set(held_by(pid)) and mounts_of(pid) == ["/"]
    assert not [n for n in os.listdir(f"/proc/{pid}/fd") if os.path.isdir(f"/proc/{pid}/fd/{n}")], "nothing of what its apps are made of"


@pytest.mark.parametrize("flags", [["--restart=on-failure"], [], ["--pid=private", "--restart=on-failure"]], ids=["restarts", "handlers", "own-pids"])
def test_pid_1_keeps_nothing_for_those_that_start_later(rkt, flags):
    rkt.image(exec=["/bin/sh", "-c", ONCE_MORE if flags else "echo up; exec sleep 1000"], eventHandlers=HANDLERS)
    p, uuid = rkt.start_pod("example.com/busybox", *flags)
    before = [p.stdout.readline() for _ in range(3 if flags else 1)]
    assert before == [b"pre-start\n", b"post-stop\n", b"pre-start\n"][:len(before)]
    assert p.stdout.readline()
    pid = rkt.status(uuid)["pid"]
    check_capabilities(pid)
    assert [h for h in held_by(pid) if h.startswith("/") and not h.endswith("/null")] == [] and not streams_of(p) & set(held_by(pid))
    assert mounts_of(pid) == ["/"]
    with open(f"/proc/{pid}/cmdline") as f:
        assert f.read().strip("\0") == "init"
    restarts = rkt.status(uuid).get("restarts-busybox")
    os.kill(int(pid), signal.SIGKILL)
    assert p.wait(20) == 137 and p.stdout.read() == b""
    status = rkt.status(uuid)
    assert "app-busybox" not in status and status.get("restarts-busybox") == restarts, "how all ended is not how the app did"


@pytest.mark.parametrize("pids", ["pod", "private"])
def test_private_users_have_restarts_and_handlers_too(rkt, pids):
    """Who launches is root of the host; what is launched belongs to the pod's users, its mount namespace included."""
    look = "id -u; readlink /proc/self/ns/user; mount -t tmpfs none /mnt && echo mounted; exit 3"
    with_caps(rkt, "CAP_SYS_ADMIN", exec=["/bin/sh", "-c", look],
              eventHandlers=[{"name": "pre-start", "exec": ["/bin/sh", "-c", "mkdir -p /mnt; readlink /proc/self/ns/user"]}])
    r = rkt.run("--private-users", "--insecure-options=seccomp,image", "example.com/busybox", f"--pid={pids}", "--restart=on-failure:1", code=3)
    user = r.out.split()[0]
    assert user != os.readlink("/proc/self/ns/user") and r.out.split() == [user, "0", user, "mounted"] * 2, r


def test_who_is_launched_later_has_nothing_that_its_app_lacks(rkt):
    watcher(rkt)
    rkt.image("example.com/other", exec=["/bin/false"], eventHandlers=[{"name": "post-stop", "exec": ["/bin/true"]}])
    seen = rkt.tmp / "seen"
    with open(seen, "wb") as out:
        _, uuid = rkt.start_pod("example.com/busybox", "example.com/other", "--restart=on-failure:3", stdout=out)
    wait_until(lambda: rkt.status(uuid).get("restarts-other") == "3", "restarts")
    rkt("stop", "--force", uuid, code=0)
    lines = {line.split("]: ")[-1] for line in seen.read_text().splitlines()[:-1]}
    assert lines, "the watcher saw no process"
    assert {int(line.split()[0], 16) & ~0xa80425fb for line in lines} == {0} and {line.split()[1] for line in lines} == {"0"}, lines


POSER = LEAVE + r"""
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
enum { started, ready, ended, restarts, start, line, stop, assembled };
struct message { unsigned char kind; unsigned short app; int value; };
static int control(void) {  /* pid 1's end of what it says to outer */
  int pid_1 = syscall(SYS_pidfd_open, 1, 0);
  for (int fd = 0; fd < 64; ++fd) {
    int copy = syscall(SYS_pidfd_getfd, pid_1, fd, 0), type = 0;
    socklen_t size = sizeof type;
    if (copy >= 0 && getsockopt(copy, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET) return copy;
  }
  return -1;
}
int main(void) {
  static const int kinds[] = {assembled, ready, started, restarts, ended, start, ready, stop};
  write(1, "up\n", 3);
  int fd = control(), sent = 0;
  for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; ++i) {
    struct message m = {kinds[i], 0, 0};
    sent += send(fd, &m, sizeof m, MSG_NOSIGNAL) == sizeof m;
  }
  dprintf(1, "said %d, left %d\n", sent, leave(fd));
  for (;;) pause();
}
"""


def test_who_takes_pid_1_over_tells_outer_nothing_twice(rkt):
    """What pid 1 says when it is set up would start every app again; and nobody waits for it once it has gone."""
    isolators = [{"name": "os/linux/capabilities-retain-set", "value": {"set": ["CAP_SYS_PTRACE"]}},
                 {"name": "os/linux/seccomp-remove-set", "value": {"set": ["reboot"]}}]
    rkt.image(exec=["/poser"], isolators=isolators, extra=[in_image(rkt, "poser", POSER)], eventHandlers=HANDLERS[:1])
    p, uuid = rkt.start_pod("example.com/busybox")
    assert [p.stdout.readline() for _ in range(3)] == [b"pre-start\n", b"up\n", b"said 8, left 1\n"]
    assert rkt("enter", uuid, "/bin/ls", "/poser", code=0).out == "/poser\n"
    assert "app-busybox" not in rkt.status(uuid)
    os.kill(int(rkt.status(uuid)["pid"]), signal.SIGKILL)
    assert p.wait(20) == 137 and p.stdout.read() == b"", "neither a handler nor the app was started again"


def test_who_looks_into_pid_1_finds_no_cgroup_namespace_of_the_host(rkt):
    """It is in the host's until all apps are born (with nsdelegate it could not make them elsewhere); none executes anything before."""
    rkt.image(exec=["/bin/readlink", "/proc/1/ns/cgroup"], isolators=[{"name": "os/linux/capabilities-retain-set", "value": {"set": ["CAP_SYS_PTRACE"]}}])
    out = rkt.run("example.com/busybox", code=0).out.strip()
    assert re.fullmatch(r"cgroup:\[\d+\]", out) and out != os.readlink("/proc/self/ns/cgroup"), out
