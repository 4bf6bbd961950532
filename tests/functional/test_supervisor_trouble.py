# SPDX-License-Identifier: Apache-2.0
"""The process that supervises a pod is stopped, starved, or has no disk: what is said of apps stays true, and nothing is left. Killed, and
with garbage on its sockets: test_supervision.py, test_mutable.py, test_attach.py."""
import os
import resource
import signal
import subprocess
import time

import pytest

from cprograms import compiled
from machine import Machine
from rktlib import wait_until
from test_mutable import start_sandbox

WAITS = ["/bin/sh", "-c", "trap 'exit 6' USR1; echo up; while :; do sleep 0.02; done"]


def host_pid_of(supervisor, word):
    """The process below the supervisor whose command line has that word."""
    out = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in out.splitlines()]
    below = {str(supervisor)}
    for _ in rows:
        below |= {pid for pid, parent, *_ in rows if parent in below}
    return next((int(pid) for pid, _, args in rows if pid in below and word in args), None)


def stopped(p):
    os.kill(p.pid, signal.SIGSTOP)
    wait_until(lambda: open(f"/proc/{p.pid}/stat").read().rsplit(")", 1)[1].split()[0] == "T", "the supervisor to stop")


def test_a_stopped_supervisor_tells_the_truth_when_it_goes_on(rkt):
    rkt.image(exec=WAITS)
    p, uuid = rkt.start_pod("example.com/busybox", stdout=subprocess.DEVNULL)
    app = wait_until(lambda: host_pid_of(p.pid, "trap"), "the app")
    stopped(p)
    os.kill(app, signal.SIGUSR1)
    wait_until(lambda: host_pid_of(p.pid, "trap") is None, "the app to end")
    began = time.monotonic()
    status = rkt.status(uuid)
    assert status["state"] == "running" and "app-busybox" not in status and rkt.pods()[0]["state"] == "running"
    assert time.monotonic() - began < 20, "who looks does not wait for it"
    os.kill(p.pid, signal.SIGCONT)
    assert p.wait(20) == 6 and rkt.status(uuid)["app-busybox"] == "6"


@pytest.mark.parametrize("how", [[], ["--force"]], ids=["asked", "forced"])
def test_a_stopped_supervisor_can_be_ended(rkt, how):
    rkt.image(exec=WAITS)
    before = Machine.look()
    p, uuid = rkt.start_pod("example.com/busybox", net="default", stdout=subprocess.DEVNULL)
    stopped(p)
    assert rkt("enter", uuid, "/bin/echo", "in", code=0).out == "in\n"
    rkt("stop", *how, uuid, code=0)
    assert p.wait(20) == (137 if how else 0)
    rkt("status", "--wait=20s", uuid, code=0)
    assert rkt.status(uuid)["state"] == "exited"
    rkt("rm", uuid, code=0)
    wait_until(lambda: not Machine.look().since(before), "the machine to settle")


def test_a_stopped_pid_1_goes_on_when_its_pod_is_to_end(rkt):
    rkt.image(exec=WAITS)
    p, uuid = rkt.start_pod("example.com/busybox", stdout=subprocess.DEVNULL)
    os.kill(int(rkt.status(uuid)["pid"]), signal.SIGSTOP)
    rkt("stop", uuid, code=0)
    assert p.wait(20) == 0 and rkt.status(uuid)["app-busybox"] == "143"


# Holds a process as a debugger does, until it is killed; then its parent is told.
HOLD = r"""
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
int main(int argc, char** argv) {
  int pid = atoi(argv[1]), status = 0;
  if (ptrace(PTRACE_SEIZE, pid, 0, 0) || ptrace(PTRACE_INTERRUPT, pid, 0, 0) || waitpid(pid, &status, __WALL) != pid) return 1;
  puts("held");
  fflush(stdout);
  while (waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status)) {}
}
"""


def test_no_pod_outlives_its_end_by_a_pid_1_that_does_nothing(rkt):
    """As an app with CAP_SYS_PTRACE can make it: launched by pid 1, by outer, and later. All at once: each takes ten seconds."""
    rkt.image(exec=WAITS)
    hold = compiled(rkt, "hold", HOLD)
    pods = [rkt.start_pod("example.com/busybox", *flags, stdout=subprocess.DEVNULL) for flags in ([], ["--restart=on-failure"])]
    pods.append(start_sandbox(rkt, stdout=subprocess.DEVNULL))
    rkt("app", "add", pods[-1][1], "example.com/busybox", code=0)
    rkt("app", "start", pods[-1][1], "--app=busybox", code=0)
    holders = [subprocess.Popen([hold, rkt.status(uuid)["pid"]], stdout=subprocess.PIPE) for _, uuid in pods]
    assert [h.stdout.readline() for h in holders] == [b"held\n"] * len(pods)
    for _, uuid in pods:
        rkt("stop", "--grace-period=0s", uuid, code=0)
    assert [p.wait(40) for p, _ in pods] == [137] * len(pods)
    assert [rkt.status(uuid)["state"] for _, uuid in pods] == ["exited"] * len(pods)
    for h in holders:
        assert h.wait(20) == 0
        h.stdout.close()


def test_a_full_disk_does_not_change_how_an_app_ended(rkt):
    rkt.data.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", rkt.data], check=True)
    try:
        rkt.image("example.com/one", exec=WAITS)
        rkt.image("example.com/two", exec=["/bin/sh", "-c", "trap 'exit 0' USR1; : two; while :; do sleep 0.02; done"])
        p, uuid = rkt.start_pod("example.com/one", "example.com/two", stdout=subprocess.DEVNULL)
        pids = [wait_until(lambda: host_pid_of(p.pid, word), "the apps") for word in (": two", "echo up")]
        with pytest.raises(OSError), open(rkt.data / "filler", "wb", buffering=0) as f:
            while True:
                f.write(b"\0" * (1 << 16))
        os.kill(pids[0], signal.SIGUSR1)
        wait_until(lambda: host_pid_of(p.pid, ": two") is None, "the one app to end before the other fails")
        os.kill(pids[1], signal.SIGUSR1)
        assert p.wait(20) == 6
        status = rkt.status(uuid)
        assert (status["state"], status["app-one"], status["app-two"]) == ("exited", "6", "0"), p.stderr.read()
        os.unlink(rkt.data / "filler")
    finally:
        rkt.close()
        subprocess.run(["umount", rkt.data], check=True)


def test_without_memory_the_app_goes_and_the_supervisor_says_so(rkt):
    own = next(line.split(":")[2].strip() for line in open("/proc/self/cgroup") if line.split(":")[1] in ("memory", ""))
    v1 = os.path.isdir("/sys/fs/cgroup/memory")
    group = f"/sys/fs/cgroup/{'memory' if v1 else ''}{own}/starved-{os.getpid()}"
    os.mkdir(group)
    try:
        for limit in ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes") if v1 else ("memory.max",):
            if os.path.exists(f"{group}/{limit}"):
                with open(f"{group}/{limit}", "w") as f:
                    f.write(str(48 << 20))
        rkt.image(exec=["/bin/sh", "-c", "tail -c 200m /dev/zero; exit 5"])
        uuid_file = rkt.tmp / "uuid"
        argv = rkt.argv("run", "--net=none", f"--uuid-file-save={uuid_file}", "example.com/busybox")
        p = subprocess.run(["sh", "-c", f'echo $$ > {group}/cgroup.procs; exec "$@"', "sh", *argv], env=rkt.env, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        assert p.returncode == 5, p.stderr
        assert rkt.status(uuid_file.read_text())["app-busybox"] == "5"
        wait_until(lambda: not open(group + "/cgroup.procs").read(), "the pod's processes to be gone")
    finally:
        os.rmdir(group)


def test_cgroups_that_an_app_nests_are_gone_with_it(rkt):
    """Deeper than descriptors go."""
    rkt.image(exec=["/bin/sh", "-c", "echo up; sleep 1000"])
    p, uuid = rkt.start_pod("example.com/busybox", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128)))
    assert p.stdout.readline() == b"up\n"
    init = rkt.status(uuid)["pid"]
    app = open(f"/proc/{init}/task/{init}/children").read().split()[0]
    groups = []
    for line in open(f"/proc/{app}/cgroup"):
        _, controllers, path = line.strip().split(":", 2)
        places = [f"/sys/fs/cgroup/{name}{path}" for name in (controllers.removeprefix("name=") or "unified", ".")]
        groups += [place for place in places if uuid[:8] in place and os.path.isdir(place)][:1]
    assert groups, open(f"/proc/{app}/cgroup").read()
    for group in groups:
        os.makedirs(group + "/d" * 150)
    rkt("stop", "--force", uuid, code=0)
    p.wait(20)
    assert [g for g in groups if os.path.exists(g)] == [] and b"left to gc" not in p.stderr.read()
