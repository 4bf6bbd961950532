# SPDX-License-Identifier: Apache-2.0
"""--net=default of an ordinary user, through pasta or slirp4netns; the host's network is one of the test's own that has a way out."""
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rktlib import wait_until
from userlib import a_user, image

PROGRAMS = {name: shutil.which(name) for name in ("pasta", "slirp4netns")}


@pytest.fixture
def mapped(keys):
    with a_user(keys, True) as user:
        yield user


def only(*names):
    return [f"mount --bind /dev/null {path}" for name, path in PROGRAMS.items() if name not in names and path]


TRICKS = Path(__file__).parent.parent / "support/loopback_tricks.py"
NAME_SERVER = r"""
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("192.0.2.254", 53))
s.settimeout(20)
q, a = s.recvfrom(999)
s.sendto(q[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + q[12:] + b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4\xc6\x33\x64\x09", a)
"""
SERVER = ("until ip link set up1 up; do :; done; ip addr add 192.0.2.254/24 dev up1; python3 $NAMES & echo bye | timeout 20 busybox nc -l -p 81 & "
          "echo hello | timeout 20 busybox nc -l -p 80; wait")


def way_out(user):
    """A default route, behind it a server that says hello once and bye once, and the device that anybody may open, as on any host."""
    tun = user.rkt.tmp / "tun"
    os.mknod(tun, 0o20666, os.makedev(10, 200))
    os.chmod(tun, 0o666)
    (user.rkt.tmp / "resolv.conf").write_text("nameserver 192.0.2.254\n")
    names = user.rkt.tmp / "names.py"
    names.write_text(NAME_SERVER)
    return [f"mount --bind {tun} /dev/net/tun", f"mount --bind {user.rkt.tmp}/resolv.conf $(readlink -f /etc/resolv.conf)", f"export NAMES={names}", "ip link set lo up", "ip link add up0 type veth peer name up1", "ip addr add 192.0.2.1/24 dev up0", "ip link set up0 up",
            f"unshare --net sh -c '{SERVER}' >/dev/null 2>&1 & P=$!", "until [ $(readlink /proc/$P/ns/net) != $(readlink /proc/self/ns/net) ]; do :; done",
            "ip link set up1 netns $P", "ip route add default via 192.0.2.254"]


def carriers():
    """Programs that carry a pod's network, by their command lines."""
    out = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline") as f:
                words = f.read().split("\0")
        except OSError:
            continue
        if words[0] in PROGRAMS.values():
            out.append(words)
    return out


def says(p, lines):
    """Whether these lines come, in any order. Debian 12's pasta now and then hands the first bytes of a connection over twice."""
    missing = set(lines)
    while missing and (line := p.stdout.readline()):
        assert line in {*lines, "hello\n"}, line
        missing.discard(line)
    return not missing


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_default_network_of_a_user_leads_out_and_ends_with_the_pod(mapped, program):
    aci = image(mapped, exec=["/bin/sh", "-c", "trap 'nc -w 20 192.0.2.254 81 </dev/null &' TERM; nc -w 20 192.0.2.254 80 </dev/null & "
                              "grep name /etc/resolv.conf; busybox nslookup -type=a there.test | grep 198; sleep 1000 & wait; wait"])
    p, uuid = mapped.start_pod(aci.path, unshare=["--mount", "--net"], before=only(program) + way_out(mapped))
    assert says(p, {"hello\n", "nameserver 10.0.2.3\n", "Address: 198.51.100.9\n"}), "outbound, and name servers"
    assert "networks=default:ip4=10.0.2.130\n" in mapped("status", uuid, code=0).stdout
    assert [c[0] for c in carriers()] == [PROGRAMS[program]]
    assert "eth0" in mapped("enter", uuid, "/bin/ls", "/sys/class/net", code=0).stdout
    pid = int(dict(line.split("=", 1) for line in mapped("status", uuid).stdout.splitlines())["pid"])
    tricks = subprocess.run([sys.executable, TRICKS, str(p.pid), str(pid)], capture_output=True, text=True, timeout=60)
    assert (tricks.stdout, tricks.stderr) == ("reached 192.0.2.1\n", ""), "and nothing on the host's loopback"
    os.killpg(p.pid, signal.SIGINT)
    assert says(p, {"bye\n"}), "who ends has a network"
    os.kill(p.pid if program == "pasta" else pid, signal.SIGKILL)
    p.wait(20)
    wait_until(lambda: not carriers(), "the network's program to end with the pod")


def test_what_a_user_cannot_have_is_said(mapped):
    aci = image(mapped, exec=["/bin/true"], ports=[{"name": "www", "protocol": "tcp", "port": 80, "count": 1, "socketActivated": False}])
    mapped.before = only()
    for args, text in ([["--net=default"], "install pasta (package passt) or slirp4netns"], [["--net=default:IP=10.0.2.7"], "use --net=default, --net=none or --net=host"],
                       [["--port=www:8080"], "--port takes root of the host"]):
        p = mapped("run", *args, aci.path, code=254)
        assert text in p.stderr and "Traceback" not in p.stderr, p.stderr
