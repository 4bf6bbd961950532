# SPDX-License-Identifier: Apache-2.0
"""What apps give to syslog(3) is in their logs."""
import os
import re
import socket

import pytest
from cprograms import LEAVE, in_image
from rktlib import entry, wait_until
from test_mutable import ended, start_sandbox

LOGGER = "ls -l /dev/log | cut -c1-10; /bin/busybox logger -t me 'one\ntwo'; /bin/busybox logger -p user.err -t you three"


def kept(rkt, uuid, app="busybox"):
    """What the log has of stderr, which is where syslog goes."""
    return rkt("logs", uuid, app, code=0).err


@pytest.mark.parametrize("pod, app", (([], []), (["--private-users"], []), ([], ["--readonly-rootfs=true", "--user=1000", "--group=1000"]),
                                      (["--interactive"], []), ([], ["--stdout=null", "--stderr=null"])),
                         ids=("plain", "private-users", "read-only", "interactive", "null"))
def test_syslog_is_in_the_log_and_nowhere_else(rkt, pod, app):
    rkt.image(exec=["/bin/sh", "-c", LOGGER])
    r = rkt.run(*pod, f"--uuid-file-save={rkt.tmp}/uuid", "example.com/busybox", *app, code=0)
    assert r.out == ("" if "--stdout=null" in app else "srw-rw-rw-\n") and r.err == "", "none of it is on rkt's own streams"
    assert kept(rkt, (rkt.tmp / "uuid").read_text()) == "me: one\ntwo\nyou: three\n"


def test_each_app_has_its_own(rkt):
    rkt.image("example.com/one", exec=["/bin/sh", "-c", "/bin/busybox logger -t x 1"])
    rkt.image("example.com/two", exec=["/bin/sh", "-c", "/bin/busybox logger -t x 2"],
              eventHandlers=[{"name": "pre-start", "exec": ["/bin/busybox", "logger", "-t", "x", "before"]},
                             {"name": "post-stop", "exec": ["/bin/busybox", "logger", "-t", "x", "after"]}])
    rkt.run("example.com/one", "example.com/two", f"--uuid-file-save={rkt.tmp}/uuid", code=0)
    uuid = (rkt.tmp / "uuid").read_text()
    assert kept(rkt, uuid, "one") == "x: 1\n"
    assert kept(rkt, uuid, "two") == "x: before\nx: 2\nx: after\n"


def test_an_app_that_starts_again_says_more(rkt):
    rkt.image(exec=["/bin/sh", "-c", "echo up; /bin/busybox logger -t me again; exit 1"])
    rkt.run("example.com/busybox", "--restart=on-failure:1", f"--uuid-file-save={rkt.tmp}/uuid", code=1)
    assert kept(rkt, (rkt.tmp / "uuid").read_text()) == "me: again\n" * 2
    p, uuid = start_sandbox(rkt)
    rkt("app", "add", uuid, "example.com/busybox", "--name=a", code=0)
    for times in (1, 2):
        rkt("app", "start", uuid, "--app=a", code=0)
        ended(rkt, uuid, "a")
        assert kept(rkt, uuid, "a") == "me: again\n" * times
    rkt("stop", uuid, code=0)
    assert p.wait(20) == 0


@pytest.mark.parametrize("place", ("/dev/log", "/link/log", "/dev"))
def test_what_a_volume_brings_stays(rkt, place):
    rkt.image(exec=["/bin/sh", "-c", "/bin/busybox logger -t me x; ls /dev/log"], extra=[entry("rootfs/link", link="/dev")])
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as host:
        (rkt.tmp / "of-host").mkdir()
        host.bind(str(rkt.tmp / "of-host/log"))
        host.settimeout(20)
        source = rkt.tmp / "of-host" if place == "/dev" else rkt.tmp / "of-host/log"
        r = rkt.run(f"--volume=v,kind=host,source={source}", "example.com/busybox", f"--mount=volume=v,target={place}",
                    f"--uuid-file-save={rkt.tmp}/uuid", code=0)
        assert r.out == "/dev/log\n"
        assert host.recv(100).startswith(b"<13>")
    assert kept(rkt, (rkt.tmp / "uuid").read_text()) == ""


def test_a_flood_hurts_nobody(rkt):
    rkt.image("example.com/flood", exec=["/bin/sh", "-c", "for i in 1 2 3; do yes 'a line' | /bin/busybox logger -t x & done; wait"])
    rkt.image("example.com/calm", exec=["/bin/sh", "-c", "sleep 0.3; echo out; /bin/busybox logger -t calm 1; exec sleep 1000"])
    p, uuid = rkt.start_pod("example.com/flood", "--log-size=64Ki", "--log-files=2", "example.com/calm")
    logs = next((rkt.data / "pods").glob(f"*/{uuid}")) / "logs"
    wait_until(lambda: kept(rkt, uuid, "calm") == "calm: 1\n", "the other app's message")
    wait_until(lambda: (logs / "flood/3").exists(), "the third file")
    assert int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{p.pid}/status").read())[1]) < 32 << 10
    rkt("stop", uuid, code=0)
    p.wait(20)
    out = p.communicate()[0].decode()
    assert "calm[" in out and out.count("\n") == 1
    assert sum(f.stat().st_size for f in (logs / "flood").iterdir()) <= 2 * 64 << 10
    assert set(kept(rkt, uuid, "flood").splitlines()) == {"x: a line"}


LEAVER = LEAVE + r"""
int main(void) {
  if (leave(1) < 0) return 1;
  return write(1, "left\n", 5) != 5;
}
"""


def test_an_output_that_is_left_in_a_message_holds_nobody_up(rkt):
    rkt.image(exec=["/leaver"], extra=[in_image(rkt, "leaver", LEAVER)])
    for flags in ([], ["--interactive"], ["--stdout=stream"], ["--restart=on-failure"]):
        before, after = (flags, []) if flags == ["--interactive"] else ([], flags)
        r = rkt.run(*before, "example.com/busybox", *after, code=0, timeout=20)
        assert r.out == ("" if "--stdout=stream" in flags else "left\n"), flags
    p, uuid = start_sandbox(rkt)
    rkt("app", "add", uuid, "example.com/busybox", "--name=a", code=0)
    open_ends = []
    for _ in range(3):
        rkt("app", "start", uuid, "--app=a", code=0)
        ended(rkt, uuid, "a")
        wait_until(lambda: rkt("app", "stop", uuid, "--app=a").code != 0, "its end")
        open_ends.append(sum(os.readlink(f"/proc/{p.pid}/fd/{n}").startswith("pipe:") for n in os.listdir(f"/proc/{p.pid}/fd")))
    assert len(set(open_ends)) == 1, open_ends
    rkt("stop", uuid, code=0)
    assert p.wait(20) == 0
