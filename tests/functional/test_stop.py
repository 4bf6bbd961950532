# SPDX-License-Identifier: Apache-2.0
"""How long pods and apps may take to end: --grace-period and --force."""
import contextlib
import ctypes
import os
import socket
import time

import pytest

from test_mutable import app, start_sandbox
from test_restart import handlers

# "up" comes from a child: between looking for signals and starting one, a shell would miss what is sent to all.
DEAF = ["/bin/sh", "-c", "trap 'echo asked' TERM; sh -c 'echo up; exec sleep 1000'; while :; do sleep 1000; done"]
SOON = 8  # below the ten seconds of a stop that says nothing


def test_a_pod_is_killed_after_the_grace_period(rkt):
    rkt.image(exec=DEAF)
    p, uuid = rkt.start_pod("example.com/busybox")
    assert p.stdout.readline() == b"up\n"
    rkt("stop", "--grace-period=1h", uuid, code=0)
    assert rkt.status(uuid)["state"] == "running"
    assert rkt("stop", "--grace-period=100ms", uuid, code=0).out == f'"{uuid}"\n', "asked again, it has less time"
    assert p.wait(SOON) == 0 and rkt.status(uuid)["app-busybox"] == "137"
    assert rkt("stop", "--grace-period=1s", uuid, code=0).out == f'pod "{uuid}" is already stopped\n'


def test_what_is_no_grace_period_is_refused(rkt):
    uuid = "00000000-0000-4000-8000-000000000000"
    for verb, flags in (("stop", []), ("app stop", ["--app=a"])):
        for given, text in ((["--grace-period=-1s"], "--grace-period is from 0s to 24h"), (["--grace-period=25h"], "--grace-period is from 0s to 24h"),
                            (["--grace-period=soon"], 'invalid duration "soon"'), (["--grace-period=1s", "--force"], "--force and --grace-period exclude each other")):
            r = rkt(*verb.split(), *given, *flags, uuid)
            assert r.code == 254 and text in r.err, (verb, r)


def test_apps_are_killed_after_the_grace_period_or_at_once(rkt):
    rkt.image(exec=DEAF, eventHandlers=handlers(post_stop="echo after"))
    p, uuid = start_sandbox(rkt)
    rkt("app", "add", uuid, "example.com/busybox", "--restart=always", code=0)

    def says(what):
        while (line := p.stdout.readline()).endswith(b": asked\n") and what != "asked":
            pass  # a short grace may end before or after the app has said that
        assert line.endswith(f": {what}\n".encode())

    def started():
        rkt("app", "start", uuid, "--app=busybox", code=0)
        says("up")

    def within_grace(*stop):
        began = time.monotonic()
        rkt(*stop, code=0)
        return time.monotonic() - began < SOON

    started()
    assert within_grace("app", "stop", "--force", uuid, "--app=busybox")
    assert (s := app(rkt, uuid, "busybox"))["state"] == "exited" and s["exit_code"] == 137
    assert 'app "busybox" is not running' in rkt("app", "stop", "--force", uuid, "--app=busybox", code=254).err
    started()
    assert within_grace("app", "stop", "--grace-period=50ms", uuid, "--app=busybox")
    assert app(rkt, uuid, "busybox")["exit_code"] == 137
    started()
    patient = rkt.start("app", "stop", "--grace-period=1h", uuid, "--app=busybox")
    says("asked")
    assert patient.poll() is None
    rkt("app", "stop", "--force", uuid, "--app=busybox", code=0)
    assert patient.wait(SOON) == 0, "both who asked get their answer"
    started()
    rkt("stop", "--grace-period=50ms", uuid, code=0)
    assert p.wait(SOON) == 0
    assert b"after" not in p.stdout.read(), "nothing more is started of what was killed"


def without_v2():
    """Processes are born outside of a cgroup of the first version, and join it a moment later."""
    libc = ctypes.CDLL(None)
    assert libc.unshare(0x20000) == 0 and libc.mount(None, b"/", None, 0x44000, None) == 0
    libc.umount2(b"/sys/fs/cgroup/unified", 2)


@pytest.mark.parametrize("how", [{}, {"preexec_fn": without_v2}], ids=["all", "cgroup-v1"])
def test_apps_that_are_killed_at_any_step_of_their_start_leave_nobody(rkt, how):
    """Who is made right before its starter dies is nobody's that is known; the pod could not end before it is reaped."""
    rkt.image(exec=["/bin/sleep", "1000"])
    p, uuid = start_sandbox(rkt, **how)
    rkt("app", "add", uuid, "example.com/busybox", "--pid=private", code=0)
    pod = os.open(rkt.data / "pods/run" / uuid, os.O_PATH)
    statuses = set()

    def ask(text):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.settimeout(SOON)
        s.connect(f"/proc/self/fd/{pod}/control")
        s.send(text)
        return s

    for i in range(120):
        with ask(b"start busybox") as starting:
            starting.settimeout(0.0005 + i % 40 / 4000)  # another step each time
            with contextlib.suppress(TimeoutError):
                starting.recv(4096)
            with ask(b"kill busybox") as killing:
                assert killing.recv(4096)
        statuses |= {f.read_text() for f in (rkt.data / "pods/run" / uuid).glob("overlay/*/upper/rkt/status/busybox")}
    assert statuses == {"137\n"}, "on record before anybody is told, and whoever of the app was killed"
    os.close(pod)
    rkt("stop", uuid, code=0)
    assert p.wait(SOON) == 0


def test_a_stage1_without_it_is_refused(rkt):
    rkt.image(exec=["/bin/sleep", "1000"])
    p, uuid = rkt.start_pod("--stage1-name=coreos.com/rkt/stage1-fly", "example.com/busybox", net="host")
    assert "--grace-period is not supported by the pod's stage1" in rkt("stop", "--grace-period=1s", uuid, code=254).err
    rkt("stop", uuid, code=0)
    assert p.wait(SOON) == -15
