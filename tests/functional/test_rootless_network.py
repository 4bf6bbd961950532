# SPDX-License-Identifier: Apache-2.0
"""--net=default of an ordinary user, through pasta or slirp4netns; the host's network is one of the test's own that has a way out."""
import os
import shutil
import signal

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


SERVER = "until ip link set up1 up; do :; done; ip addr add 192.0.2.254/24 dev up1; echo hello | timeout 20 busybox nc -l -p 80"


def way_out(user):
    """A default route, behind it a server that says hello once, and the device that anybody may open, as on any host."""
    tun = user.rkt.tmp / "tun"
    os.mknod(tun, 0o20666, os.makedev(10, 200))
    os.chmod(tun, 0o666)
    return [f"mount --bind {tun} /dev/net/tun", "ip link set lo up", "ip link add up0 type veth peer name up1", "ip addr add 192.0.2.1/24 dev up0", "ip link set up0 up",
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


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_default_network_of_a_user_leads_out_and_ends_with_the_pod(mapped, program):
    aci = image(mapped, exec=["/bin/sh", "-c", "nc -w 20 192.0.2.254 80 </dev/null & grep name /etc/resolv.conf; exec sleep 1000"])
    mapped.unshare, mapped.before = ["unshare", "--mount", "--net"], only(program) + way_out(mapped)
    p, uuid = mapped.start_pod(aci.path)
    mapped.unshare, mapped.before = ["unshare", "--mount"], []
    assert {p.stdout.readline() for _ in range(2)} == {"hello\n", "nameserver 10.0.2.3\n"}, "outbound, and name servers"
    assert "networks=default:ip4=10.0.2.100\n" in mapped("status", uuid, code=0).stdout
    assert [c[0] for c in carriers()] == [PROGRAMS[program]]
    assert "eth0" in mapped("enter", uuid, "/bin/ls", "/sys/class/net", code=0).stdout
    if program == "pasta":
        mapped("stop", uuid, code=0)
        assert p.wait(20) == 0
    else:
        os.kill(int(dict(line.split("=", 1) for line in mapped("status", uuid).stdout.splitlines())["pid"]), signal.SIGKILL)
        p.wait(20)
    wait_until(lambda: not carriers(), "the network's program to end with the pod")


def test_what_a_user_cannot_have_is_said(mapped):
    aci = image(mapped, exec=["/bin/true"], ports=[{"name": "www", "protocol": "tcp", "port": 80, "count": 1, "socketActivated": False}])
    mapped.before = only()
    for args, text in ([["--net=default"], "install pasta (package passt) or slirp4netns"], [["--net=default:IP=10.0.2.7"], "use --net=default, --net=none or --net=host"],
                       [["--port=www:8080"], "--port takes root of the host"]):
        p = mapped("run", *args, aci.path, code=254)
        assert text in p.stderr and "Traceback" not in p.stderr, p.stderr
