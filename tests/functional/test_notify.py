# SPDX-License-Identifier: Apache-2.0
"""What a service manager that started rkt is told, and signals that it leaves alone."""
import os
import signal
import socket
import subprocess
import threading
import time

import pytest
from rktlib import wait_until
from test_mutable import start_sandbox


@pytest.fixture
def manager(rkt):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    path = str(rkt.tmp / "manager")
    s.bind(path)
    s.settimeout(20)
    yield s, {"NOTIFY_SOCKET": path}
    s.close()


def test_a_pod_whose_apps_run_is_ready(rkt, manager):
    s, env = manager
    rkt.image(exec=["/bin/sh", "-c", "echo ${NOTIFY_SOCKET:-none}; exec sleep 1000"])
    p, uuid = rkt.start_pod("example.com/busybox", env=env)
    assert s.recv(4096).decode().splitlines() == ["READY=1", "STATUS=The pod runs.", f"MAINPID={p.pid}"]
    assert p.stdout.readline() == b"none\n"
    rkt("stop", uuid, code=0)
    assert s.recv(4096) == b"STOPPING=1"
    p.wait(20)


def test_an_app_that_notifies_is_waited_for(rkt, manager):
    s, env = manager
    script = "[ -S $NOTIFY_SOCKET ] && [ -w $NOTIFY_SOCKET ] && echo $NOTIFY_SOCKET; exec sleep 1000"
    rkt.image(exec=["/bin/sh", "-c", script], user="1000", group="1000",
              annotations=[{"name": "appc.io/executor/supports-systemd-notify", "value": "true"}])
    p, uuid = rkt.start_pod("example.com/busybox", env=env)
    assert p.stdout.readline() == b"/run/systemd/notify\n"
    assert rkt("status", "--wait-ready=100ms", uuid).code == 254
    s.setblocking(False)
    with pytest.raises(BlockingIOError):
        s.recv(4096)
    s.settimeout(20)
    app = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    directory = os.open(rkt.data / "pods/run" / uuid / "notify", os.O_PATH)
    app.settimeout(20)
    for text in (os.urandom(3000), b"STATUS=soon\nREADY=1", *[b"STATUS=up"] * 40, b"STOPPING=1"):  # all are taken, one is passed on
        app.sendto(text, f"/proc/self/fd/{directory}/busybox")
    os.close(directory)
    app.close()
    assert s.recv(4096).startswith(b"READY=1\n")
    rkt("status", "--wait-ready=20s", uuid, code=0)
    rkt("stop", uuid, code=0)
    assert s.recv(4096) == b"STOPPING=1" and p.wait(20) == 0


def test_an_app_that_ends_before_it_was_ready_holds_nothing_up(rkt, manager):
    s, env = manager
    rkt.image(exec=["/bin/true"], annotations=[{"name": "appc.io/executor/supports-systemd-notify", "value": "true"}])
    assert rkt.run("example.com/busybox", code=0, env=env).out == ""
    assert s.recv(4096).startswith(b"READY=1\n")


def test_an_app_of_a_mutable_pod_has_started_when_it_says_so(rkt):
    notify = {"annotations": [{"name": "appc.io/executor/supports-systemd-notify", "value": "true"}], "user": "1000", "group": "1000"}
    rkt.image(exec=["/bin/sh", "-c", "[ -w $NOTIFY_SOCKET ] && echo $NOTIFY_SOCKET; exec sleep 1000"], **notify)
    rkt.image("example.com/ends", exec=["/bin/true"], **notify)
    uuid_file = rkt.tmp / "uuid"
    p = rkt.start("app", "sandbox", "--net=none", f"--uuid-file-save={uuid_file}")
    wait_until(lambda: uuid_file.exists() and uuid_file.stat().st_size == 36, "the pod's UUID")
    uuid = uuid_file.read_text()
    rkt("status", "--wait-ready=20s", uuid, code=0)
    rkt("app", "add", uuid, "example.com/busybox", code=0)
    start = rkt.start("app", "start", uuid, "--app=busybox")
    assert p.stdout.readline().endswith(b": /run/systemd/notify\n")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as app:
        directory = os.open(rkt.data / "pods/run" / uuid / "notify", os.O_PATH)
        app.sendto(b"STATUS=soon", f"/proc/self/fd/{directory}/busybox")
        with pytest.raises(subprocess.TimeoutExpired):
            start.wait(0.1)
        rkt("app", "add", uuid, "example.com/ends", code=0, timeout=20)  # nobody else waits for it
        app.sendto(b"READY=1", f"/proc/self/fd/{directory}/busybox")
        assert start.wait(20) == 0
        app.settimeout(20)
        for _ in range(40):  # taken and dropped
            app.sendto(b"WATCHDOG=1", f"/proc/self/fd/{directory}/busybox")
        os.close(directory)
    assert "it ended before it had started" in rkt("app", "start", uuid, "--app=ends", code=254).err


def flood(place, begun, stop, sent):
    """Messages as fast as they are taken; how many, and in how many seconds."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.settimeout(0.1)
        begin = time.monotonic()
        count = 0
        while not stop.is_set():
            try:
                s.sendto(b"STATUS=busy", place)
                count += 1
                if count == 50:
                    begun.set()
            except TimeoutError:
                pass
            except (ConnectionRefusedError, BrokenPipeError):  # the app has ended
                break
        sent.append((count, time.monotonic() - begin))


def test_an_app_that_floods_keeps_rkt_from_nothing(rkt):
    rkt.image(exec=["/bin/sleep", "1000"], annotations=[{"name": "appc.io/executor/supports-systemd-notify", "value": "true"}])
    rkt.image("example.com/other", exec=["/bin/sh", "-c", "echo up; exec sleep 1000"])
    p, uuid = start_sandbox(rkt)
    for image in ("busybox", "other"):
        rkt("app", "add", uuid, f"example.com/{image}", code=0)
    rkt("app", "start", uuid, "--app=other", code=0)
    assert p.stdout.readline().endswith(b": up\n")
    start = rkt.start("app", "start", uuid, "--app=busybox")
    notify = rkt.data / "pods/run" / uuid / "notify"
    wait_until(lambda: (notify / "busybox").exists(), "the app's socket")
    directory, begun, stop, sent = os.open(notify, os.O_PATH), threading.Event(), threading.Event(), []
    thread = threading.Thread(target=flood, args=(f"/proc/self/fd/{directory}/busybox", begun, stop, sent))
    thread.start()
    try:
        assert begun.wait(20)
        rkt("app", "stop", uuid, "--app=other", code=0)
        assert start.poll() is None
        rkt("app", "stop", uuid, "--app=busybox", code=0)
    finally:
        stop.set()
        thread.join()
        os.close(directory)
    assert start.wait(20) == 254
    (count, seconds), queued = sent[0], int(open("/proc/sys/net/unix/max_dgram_qlen").read())
    assert 0 < count <= 16 * (seconds / 0.02 + 2) + queued + 1, "few are taken, so that rkt is idle in between"
    rkt("stop", uuid, code=0)
    assert p.wait(20) == 0
