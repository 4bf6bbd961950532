# SPDX-License-Identifier: Apache-2.0
"""--port: ranges, addresses of the host, conflicts between pods, and ports whose pod was killed."""
import json
import os
import socket
import subprocess

import pytest

from netlib import SLEEP, forget_network, host_local, lan, netns_of, network, pod_dir, port_image, reaches, seen_from, servers, start  # noqa: F401
from rktlib import wait_until

RANGE = {"name": "rtp", "protocol": "udp", "port": 7000, "count": 3}
DUAL = {"type": "host-local", "ranges": [[{"subnet": "10.98.1.0/24"}], [{"subnet": "fd98:1::/64"}]],
        "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]}


def forwarded(rkt, uuid):
    return [line.split() for line in (pod_dir(rkt, uuid) / "ports").read_text().splitlines()]


def kill(rkt, process, uuid):
    process.kill()
    process.wait()
    wait_until(lambda: rkt.status(uuid)["state"] == "exited", "the pod to be exited")


def test_a_range_of_ports(rkt, lan, servers):
    rkt.image(exec=SLEEP, ports=[RANGE])
    uuid, pod, _ = start(rkt, "default", "--port=rtp:10.77.0.1:9000-9002")
    assert forwarded(rkt, uuid) == [["udp", "10.77.0.1", str(9000 + i), str(7000 + i)] for i in range(3)]
    manifest = json.loads(rkt("cat-manifest", uuid, code=0).out)
    assert [(p["hostPort"], p["podPort"]["port"]) for p in manifest["ports"]] == [(9000, 7000), (9001, 7001), (9002, 7002)]
    for i in (0, 2):
        servers(pod, 7000 + i, socket.SOCK_DGRAM)
        assert seen_from(lan.far.path, "10.77.0.1", 9000 + i, socket.SOCK_DGRAM) == "10.77.0.2"
    assert not reaches(lan.far.path, "10.77.0.1", 9003, socket.SOCK_DGRAM, timeout=0.1)


@pytest.mark.parametrize("flag, why", [
    ("--port=rtp:9000-9003", 'port "rtp" has 3 ports, but 4 ports of the host are to lead there'),
    ("--port=rtp:9002-9000", '"9002-9000" is not a valid range of ports'),
    ("--port=rtp:9000-", '"" is not a valid port number'),
    ("--port=rtp:65534-65536", '"65536" is not a valid port number'),
    ("--port=rtp:fd00::x:80", '"fd00::x" is not a valid IP'),
    ("--port=other:80", 'port name "other" could not be found in any apps')])
def test_bad_ports(rkt, flag, why):
    rkt.image(exec=["/bin/true"], ports=[RANGE])
    r = rkt.run(flag, "example.com/busybox", net="default", code=254)
    assert why in r.err
    assert [p for p in rkt.pods() if p["state"] == "running"] == []


def test_sandbox_ports(rkt, lan, servers):
    p = rkt.start("app", "sandbox", "--net=default", "--port=a:tcp:80-81:10.77.0.1:8080-8081", "--port=b:tcp:82::8082", f"--uuid-file-save={rkt.tmp}/u")
    wait_until(lambda: (rkt.tmp / "u").exists() and rkt.status((rkt.tmp / "u").read_text()).get("pid") or p.poll() is not None, "the pod to run")
    uuid = (rkt.tmp / "u").read_text()
    assert forwarded(rkt, uuid) == [["tcp", "10.77.0.1", "8080", "80"], ["tcp", "10.77.0.1", "8081", "81"], ["tcp", "*", "8082", "82"]]
    servers(netns_of(rkt, uuid), 81)
    assert seen_from(lan.far.path, "10.77.0.1", 8081) == "10.77.0.2"
    for flag, why in (("a:tcp:80:[fd00::1]:x", "must be in 1-65535 range"), ("a:tcp:80-82::90-91", "differ in length"), ("a:tcp:80:ten:80", "not a valid IP"),
                      ("a:tcp:80:80", "--port invalid format"), ("a:dccp:80::80", 'invalid protocol "dccp"')):
        assert why in rkt("app", "sandbox", f"--port={flag}").err


def test_ports_of_one_family(rkt, lan, servers):
    port_image(rkt)
    forget_network("dual")
    network(rkt, {"name": "dual", "cniVersion": "1.0.0", "type": "ptp", "ipMasq": True, "ipam": DUAL})
    _, pod, _ = start(rkt, "dual", "--port=www:[fd77::1]:80", "--port=www:0.0.0.0:81")
    servers(pod, 8080)
    servers(pod, 8080, address="::")
    far = lan.far.path
    assert seen_from(far, "fd77::1", 80) == "fd77::2" and not reaches(far, "10.77.0.1", 80, timeout=0.1)
    assert seen_from(far, "10.77.0.1", 81) == "10.77.0.2" and not reaches(far, "fd77::1", 81, timeout=0.1)
    assert seen_from(pod, "fd77::1", 80) == "fd98:1::1"  # hairpin
    err = rkt.run("--port=www:[fd77::1]:90", "example.com/busybox", net="default", code=254).err
    assert "port tcp 90 cannot be forwarded from fd77::1: the pod has no IPv6 address in this network" in err


@pytest.mark.parametrize("plugins", ["auto", "external"])
def test_a_port_of_another_pod_is_refused_before_anything_is_made(rkt, lan, plugins):
    port_image(rkt, ports=(("www", "tcp", 8080), ("dns", "udp", 53)))
    first, _, _ = start(rkt, "default", f"--net-plugins={plugins}", "--port=www:10.77.0.1:80", "--port=dns:53")[:3] \
        if plugins == "auto" else (rkt.start_pod("--net-plugins=external", "--port=www:10.77.0.1:80", "--port=dns:53", "example.com/busybox", net="default")[1], 0, 0)
    pins = set(os.listdir("/run/netns"))

    def refused(*ports):
        r = rkt.run(f"--net-plugins={plugins}", *ports, "example.com/busybox", net="default", code=254)
        assert f"is already forwarded to pod {first}" in r.err
        return r.err
    assert "port tcp-0.0.0.0:80 " in refused("--port=www:80")
    assert "port tcp-10.77.0.1:80 " in refused("--port=www:81", "--port=www:10.77.0.1:80")
    assert "port udp-127.0.0.1:53 " in refused("--port=dns:127.0.0.1:53")
    assert set(os.listdir("/run/netns")) == pins
    rkt.run(f"--net-plugins={plugins}", "--port=www:10.77.0.3:80", "example.com/busybox", "--exec=/bin/true", net="default", code=0)


def test_pods_of_two_data_directories_do_not_share_a_port(rkt, lan):
    """They know nothing of each other: the kernel's table refuses, also ports on one address beside ports on all."""
    port_image(rkt)
    first, _, _ = start(rkt, "default", "--port=www:10.77.0.1:80", "--port=www:90")
    before = lan.elements()
    other = [f"--dir={rkt.tmp}/other" if a.startswith("--dir=") else a for a in rkt.argv("--insecure-options=image", "run", "--net=default")]
    for port, shown in (("www:80", "tcp-0.0.0.0:80"), ("www:10.77.0.3:90", "tcp-10.77.0.3:90"), ("www:90", "tcp-0.0.0.0:90")):
        r = subprocess.run([*other, f"--port={port}", f"{rkt.tmp}/example.com_busybox.aci"], capture_output=True, text=True, env=rkt.env)
        assert r.returncode == 254 and f"port {shown} is already forwarded to pod {first}" in r.stderr, r
    assert lan.elements() == before
    subprocess.run([*other[:-2], "gc", "--grace-period=0s"], check=True, env=rkt.env, capture_output=True)


@pytest.mark.parametrize("marked", [False, True])
def test_a_killed_pods_port_is_there_for_the_next(rkt, lan, servers, marked):
    """As when a service manager starts it again; grace periods are for files."""
    port_image(rkt)
    p, uuid = rkt.start_pod("--port=www:80", "example.com/busybox", net="default")
    kill(rkt, p, uuid)
    if marked:
        rkt("gc", "--mark-only", code=0)
    assert [e for e in lan.elements() if uuid in e] != []
    _, pod, _ = start(rkt, "default", "--port=www:80")
    servers(pod, 8080)
    assert seen_from(lan.far.path, "10.77.0.1", 80) == "10.77.0.2"
    assert [e for e in lan.elements() if uuid in e] == []
    assert rkt.status(uuid)["state"].startswith("exited")


def test_net_status_shows_pods_addresses_and_ports(rkt, lan):
    port_image(rkt)
    p, uuid = rkt.start_pod("--port=www:10.77.0.1:80", "example.com/busybox", net="default")
    [default] = json.loads(rkt("net", "status", "--format=json", "default", code=0).out)
    [member] = default["pods"]
    assert member["pod"] == uuid and member["interface"] == "eth0" and member["addresses"][0].startswith("172.16.28.") and member["ok"]
    assert member["ports"] == [{"protocol": "tcp", "host_ip": "10.77.0.1", "host_port": 80, "pod_port": 8080}]
    row = rkt("net", "status", "--no-legend", "default", code=0).out.split()
    assert row == ["default", uuid[:8], "eth0", member["addresses"][0], "tcp-10.77.0.1:80->8080", "ok"]
    listed = [line.split() for line in rkt("net", "list", code=0).out.splitlines()]
    assert listed[0] == ["NETWORK", "PLUGINS", "VERSION", "SERVED", "BY", "PODS", "CONFIGURATION"]
    assert ["default", "ptp", "0.4.0", "rkt", "1", "built", "in"] in listed
    netns = netns_of(rkt, uuid)
    for breaks, mends, complaint in (
            ("ip addr del {a} dev eth0", "ip addr add {a} dev eth0", "has lost"), ("ip link set eth0 down", "ip link set eth0 up", "is down")):
        subprocess.run(["nsenter", f"--net={netns}", "sh", "-c", breaks.format(a=member["addresses"][0])], check=True)
        assert complaint in rkt("net", "status", "default", code=1).out
        subprocess.run(["nsenter", f"--net={netns}", "sh", "-c", mends.format(a=member["addresses"][0])], check=True)
    lan.host("nft delete table inet rkt")
    assert "has lost ports or addresses of the pod" in rkt("net", "status", code=1).out
    kill(rkt, p, uuid)
    assert "pod is exited" in rkt("net", "status", "default", code=0).out  # and still has its address
    rkt("gc", "--grace-period=0s", code=0)
    assert uuid[:8] not in rkt("net", "status", "default", code=0).out


SLOW = r"""#!/bin/sh
cat >/dev/null
while [ "$CNI_COMMAND" = DEL -a -e "$0.hold" ]; do echo >"$0.asked"; sleep 0.02; done
case $CNI_COMMAND in
VERSION) echo '{"cniVersion":"1.0.0","supportedVersions":["1.0.0"]}';;
ADD) echo '{"cniVersion":"1.0.0","interfaces":[],"ips":[{"address":"10.97.0.2/24"}]}';;
esac
"""


def test_a_pod_that_is_collected_for_its_port_holds_up_no_other_port(rkt, lan):
    """Its plugin may take its time. Who wants the same pod's other port waits, and gets it."""
    network(rkt, {"cniVersion": "1.0.0", "name": "slow", "plugins": [{"type": "slow", "capabilities": {"portMappings": True}}]})
    plugin, hold = rkt.etc / "net.d/slow", rkt.etc / "net.d/slow.hold"
    plugin.write_text(SLOW)
    plugin.chmod(0o755)
    port_image(rkt)
    p, uuid = rkt.start_pod("--port=www:80", "--port=www:81", "example.com/busybox", net="slow")
    kill(rkt, p, uuid)
    hold.touch()
    quick = ("example.com/busybox", "--exec=/bin/true")
    one = rkt.start("run", "--net=default", "--port=www:80", *quick)
    wait_until((rkt.etc / "net.d/slow.asked").exists, "the plugin to be asked")
    other = rkt.start("run", "--net=default", "--port=www:81", *quick)
    rkt.run("--port=www:82", *quick, net="default", code=0, timeout=20)
    assert f"waiting until another rkt has collected pod {uuid}" in other.stderr.readline().decode()
    assert one.poll() is None and other.poll() is None
    hold.unlink()
    assert [one.wait(20), other.wait(20)] == [0, 0], (one.stderr.read(), other.stderr.read())
