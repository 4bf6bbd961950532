# SPDX-License-Identifier: Apache-2.0
"""Networks that rkt sets up itself, on hosts that are network namespaces of the test's own; and that the reference's plugins
would have done the same."""
import json
import os
import re
import socket
import struct
import subprocess

import pytest

from netlib import (LEASES, SLEEP, addresses, forget_network, host_local, lan, leases, netns_of, network, pod_dir, port_image,  # noqa: F401
                    reaches, seen_from, servers, socket_in, start, state_of)
from rktlib import wait_until

DUAL = {"type": "host-local", "ranges": [[{"subnet": "10.98.1.0/24"}], [{"subnet": "fd98:1::/64"}]],
        "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]}
BR = {"type": "bridge", "bridge": "cni-rkt-test"}


def test_lease_files_are_the_plugins(rkt, lan):
    """One network, both at the same time: byte for byte the same files, no address twice."""
    forget_network("mixed")
    network(rkt, {"name": "mixed", "cniVersion": "0.4.0", "type": "ptp", "ipam": host_local("10.98.0.0/29")})
    rkt.image(exec=SLEEP)
    pods = [rkt.start_pod(f"--net-plugins={who}", "example.com/busybox", net="mixed") for who in ("auto", "external", "auto", "external")]
    ips = [rkt.status(uuid)["networks"].split("=")[1] for _, uuid in pods]
    assert ips == ["10.98.0.2", "10.98.0.3", "10.98.0.4", "10.98.0.5"] == leases("mixed")
    for (_, uuid), ip in zip(pods, ips):
        assert open(f"{LEASES}/mixed/{ip}", newline="").read() == f"{uuid}\r\neth0"
    assert open(f"{LEASES}/mixed/last_reserved_ip.0").read() == "10.98.0.5"
    for p, uuid in pods:
        rkt("stop", "--force", uuid)
        p.wait()
    assert leases("mixed") == []
    forget_network("mixed")


def test_an_exhausted_pool_says_so(rkt, lan):
    forget_network("tiny")
    network(rkt, {"name": "tiny", "cniVersion": "0.4.0", "type": "ptp", "ipam": host_local("10.98.0.0/30")})
    rkt.image(exec=SLEEP)
    start(rkt, "tiny")
    err = rkt.run("example.com/busybox", net="tiny", code=254).err
    assert 'error adding network "tiny"' in err and "no IP addresses available in range set: 10.98.0.1-10.98.0.2" in err
    assert 'requested ip 10.98.0.1 is subnet\'s gateway' in rkt.run("example.com/busybox", net="tiny:IP=10.98.0.1", code=254).err
    assert "requested IP address 10.98.0.2 is not available" in rkt.run("example.com/busybox", net="tiny:IP=10.98.0.2", code=254).err
    assert leases("tiny") == ["10.98.0.2"]


def test_the_default_network_is_masqueraded(rkt, lan, servers):
    rkt.image(exec=SLEEP)
    uuid, pod, [ip] = start(rkt)
    servers(lan.far.path, 7000)
    servers(lan.host.path, 7001)
    servers(pod, 7002)
    assert seen_from(pod, "10.77.0.2", 7000) == "10.77.0.1"
    assert seen_from(pod, "10.77.0.1", 7001) == ip  # the host itself is not outside
    assert seen_from(lan.host.path, ip, 7002) == "172.16.28.1"
    _, other, [other_ip] = start(rkt)
    assert seen_from(other, ip, 7002) == other_ip
    assert not reaches(lan.far.path, ip, 7002, timeout=0.3)


def test_restricted_and_none_reach_nothing_outside(rkt, lan, servers):
    rkt.image(exec=SLEEP)
    servers(lan.far.path, 7000)
    servers(lan.host.path, 7001)
    _, pod, _ = start(rkt, "default-restricted")
    assert not reaches(pod, "10.77.0.2", 7000, timeout=0.3)
    assert reaches(pod, "172.31.0.1", 7001)
    lan.far("ip route add 172.31.0.0/16 via 10.77.0.1")
    lan.host("ip addr show")
    _, uuid = rkt.start_pod("example.com/busybox", net="none")
    none = netns_of(rkt, uuid)
    with pytest.raises(OSError, match="unreachable"):
        seen_from(none, "10.77.0.2", 7000)


def test_ports_from_everywhere(rkt, lan, servers):
    port_image(rkt, ports=(("www", "tcp", 8080), ("dns", "udp", 53)))
    uuid, pod, [ip] = start(rkt, "default", "--port=www:80", "--port=dns:10.77.0.1:5353", "--port=www:10.77.0.1:81")
    servers(pod, 8080)
    servers(pod, 53, socket.SOCK_DGRAM)
    _, other, [other_ip] = start(rkt)
    gateway = "172.16.28.1"
    assert seen_from(lan.far.path, "10.77.0.1", 80) == "10.77.0.2"
    assert seen_from(lan.far.path, "10.77.0.3", 80) == "10.77.0.2"
    assert seen_from(lan.far.path, "10.77.0.1", 81) == "10.77.0.2"
    assert not reaches(lan.far.path, "10.77.0.3", 81, timeout=0.3)
    assert seen_from(lan.host.path, "10.77.0.1", 80) == "10.77.0.1"
    assert seen_from(lan.host.path, "127.0.0.1", 80) == gateway
    assert not reaches(lan.host.path, "127.0.0.1", 81, timeout=0.3)
    assert seen_from(pod, "10.77.0.1", 80) == gateway  # hairpin
    assert seen_from(other, "10.77.0.1", 80) in (gateway, other_ip)
    assert seen_from(lan.far.path, "10.77.0.1", 5353, socket.SOCK_DGRAM) == "10.77.0.2"
    assert seen_from(pod, "10.77.0.1", 5353, socket.SOCK_DGRAM) == gateway
    rkt("stop", "--force", uuid)
    wait_until(lambda: not reaches(lan.far.path, "10.77.0.1", 80, timeout=0.3), "the port to be closed")
    assert [e for e in lan.elements() if uuid in e] == []


def test_ports_of_a_bridge(rkt, lan, servers):
    port_image(rkt)
    forget_network("br")
    network(rkt, {"name": "br", "cniVersion": "1.0.0", **BR, "isDefaultGateway": True, "ipMasq": True, "ipam": host_local("10.98.0.0/24")})
    _, pod, [ip] = start(rkt, "br", "--port=www:80")
    _, other, [other_ip] = start(rkt, "br")
    servers(pod, 8080)
    servers(lan.far.path, 7000)
    assert seen_from(other, ip, 8080) == other_ip
    assert seen_from(lan.far.path, "10.77.0.1", 80) == "10.77.0.2"
    assert seen_from(lan.host.path, "127.0.0.1", 80) == "10.98.0.1"
    assert seen_from(pod, "10.77.0.1", 80) == "10.98.0.1"
    assert seen_from(other, "10.77.0.1", 80) == "10.98.0.1"
    assert seen_from(other, "10.77.0.2", 7000) == "10.77.0.1"
    lan.host("ip link show cni-rkt-test")


def test_dual_stack(rkt, lan, servers):
    port_image(rkt)
    forget_network("dual")
    network(rkt, {"name": "dual", "cniVersion": "1.0.0", "type": "ptp", "ipMasq": True, "mtu": 1400, "ipam": DUAL})
    uuid, pod, [v4, v6] = start(rkt, "dual", "--port=www:80")
    assert v6 == "fd98:1::2"
    servers(pod, 8080)
    servers(pod, 8080, address="::")
    servers(lan.far.path, 7000, address="::")
    assert seen_from(pod, "fd77::2", 7000) == "fd77::1"
    assert seen_from(lan.far.path, "fd77::1", 80) == "fd77::2"
    assert seen_from(lan.far.path, "10.77.0.1", 80) == "10.77.0.2"
    assert seen_from(pod, "fd77::1", 80) == "fd98:1::1"
    record = state_of(rkt, uuid)[0]["record"]
    assert "mtu 1400" in lan.host(f"ip link show {record['interfaces'][0]['name']}")


def test_a_port_that_is_taken_is_refused_and_stays_with_its_owner(rkt, lan, servers):
    port_image(rkt)
    first, pod, _ = start(rkt, "default", "--port=www:80")
    servers(pod, 8080)
    before = lan.elements()
    err = rkt.run("--port=www:80", "example.com/busybox", net="default", code=254).err
    assert f"port tcp-0.0.0.0:80 is already forwarded to pod {first}" in err
    assert lan.elements() == before
    assert seen_from(lan.far.path, "10.77.0.1", 80) == "10.77.0.2"


def test_loopback_addresses_are_closed_to_pods(rkt, lan, servers):
    """Forwarding from 127.0.0.1 switches route_localnet on: a pod must not use that to reach what listens there."""
    port_image(rkt)
    _, pod, (own, *_) = start(rkt, "default", "--port=www:80")
    servers(lan.host.path, 9000, address="127.0.0.1")
    inside = ["nsenter", f"--net={pod}", "sh", "-c"]
    subprocess.run(inside + ["sysctl -qw net.ipv4.conf.eth0.route_localnet=1 net.ipv4.conf.all.route_localnet=1; ip addr del 127.0.0.1/8 dev lo; "
                             "ip route flush table local 127.0.0.0/8; ip route add 127.0.0.1/32 via 172.16.28.1 dev eth0"], check=True)
    assert not reaches(pod, "127.0.0.1", 9000, timeout=0.3)
    assert reaches(lan.host.path, "127.0.0.1", 9000)
    # Nor that what trusts senders on 127.0.0.0/8 takes it for one: the second arrives, the first does not.
    with socket_in(lan.host.path, socket.AF_INET, socket.SOCK_DGRAM) as service, \
            socket_in(pod, socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        service.bind(("0.0.0.0", 9001))
        service.settimeout(20)
        for source in ("127.0.0.2", own):
            udp = struct.pack("!HHHH", 9002, 9001, 12, 0) + source[:4].encode()
            header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, socket.IPPROTO_UDP, 0,
                                 socket.inet_aton(source), socket.inet_aton("172.16.28.1"))
            raw.sendto(header + udp, ("172.16.28.1", 0))
        assert service.recvfrom(100)[1][0] == own


def test_the_rules_of_an_older_table_are_brought_up_to_date(rkt, lan, servers):
    port_image(rkt)
    uuid, pod, _ = start(rkt, "default", "--port=www:80")
    servers(pod, 8080)
    rules = lambda: sorted(line for line in lan.host("nft list table inet rkt").splitlines() if "elements" not in line and "comment" not in line)
    elements = lambda: "".join(lan.elements()).count(uuid)
    before = rules(), elements()
    lan.host("nft delete chain inet rkt rules_2; nft flush chain inet rkt guard; nft add rule inet rkt guard iifname @localnet ip daddr 127.0.0.0/8 drop; "
             "nft flush chain inet rkt postrouting")
    assert (rules(), elements()) != before
    start(rkt, "default", "--port=www:81")
    assert (rules(), elements()) == before
    assert seen_from(lan.far.path, "10.77.0.1", 80) == "10.77.0.2"


def test_a_host_without_plugins(rkt, lan):
    rkt.image(exec=["/bin/sh", "-c", "ip -o -4 addr show eth0"])
    argv = rkt.argv("run", "--net=default", "example.com/busybox")
    hide = "; ".join(f"mount -t tmpfs none {d}" for d in ("/usr/lib/cni", "/opt/cni/bin") if os.path.isdir(d))
    script = hide + '; exec "$@"'
    p = subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", *argv], capture_output=True, text=True, env=rkt.env)
    assert p.returncode == 0 and "172.16.28." in p.stdout, p.stderr


def test_what_others_filter_stays(rkt, lan, servers):
    port_image(rkt)
    lan.host("iptables-nft -t nat -A PREROUTING -p tcp --dport 9999 -j REDIRECT --to-ports 7001; "
             "iptables-nft -A FORWARD -s 192.0.2.1 -j DROP; nft add table inet other; nft add chain inet other c")
    rules = lambda: (lan.host("iptables-nft-save | grep -v '^#'"), lan.host("nft list table inet other"))
    before = rules()
    uuid, pod, _ = start(rkt, "default", "--port=www:80")
    servers(pod, 8080)
    servers(lan.host.path, 7001)
    assert seen_from(lan.far.path, "10.77.0.1", 80) == "10.77.0.2"
    assert reaches(lan.far.path, "10.77.0.1", 9999)
    assert rules() == before
    rkt("stop", "--force", uuid)
    wait_until(lambda: not [e for e in lan.elements() if uuid in e], "the pod's elements to be gone")
    assert rules() == before


def test_an_unknown_key_goes_to_the_external_plugin(rkt, lan):
    forget_network("ext")
    network(rkt, {"name": "ext", "cniVersion": "0.4.0", "type": "ptp", "somethingNew": 1, "ipam": host_local("10.98.0.0/24")})
    rkt.image(exec=["/bin/true"])
    uuid_file = rkt.tmp / "u"
    err = rkt("--debug", "run", "--net=ext", f"--uuid-file-save={uuid_file}", "example.com/busybox", code=0).err
    assert 'network "ext" is for external plugins: key "somethingNew" of ptp' in err
    assert state_of(rkt, uuid_file.read_text())[0]["steps"][0]["plugin"].endswith("/ptp")


@pytest.mark.parametrize("lost", ["nothing", "state", "namespace", "everything that a reboot takes"])
def test_whatever_is_killed_or_lost_gc_returns_it(rkt, lan, lost):
    port_image(rkt)
    p, uuid = rkt.start_pod("--port=www:80", "example.com/busybox", net="default")
    [ip] = addresses(rkt, uuid)
    pod = pod_dir(rkt, uuid)
    netns = netns_of(rkt, uuid)
    p.kill()
    p.wait()
    wait_until(lambda: rkt.status(uuid)["state"] == "exited", "the pod to be exited")
    if lost == "state":
        (pod / "net-state.json").unlink()
    if lost in ("namespace", "everything that a reboot takes"):
        subprocess.run(["umount", netns], check=True)
        os.unlink(netns)
    if lost == "everything that a reboot takes":
        lan.host("nft delete table inet rkt")
    assert os.path.exists(f"{LEASES}/default/{ip}")
    rkt("gc", "--grace-period=0s", code=0)
    assert not os.path.exists(f"{LEASES}/default/{ip}")
    assert [e for e in lan.elements() if uuid in e] == []
    wait_until(lambda: "veth" not in lan.host("ip link"), "the pod's link to be gone")


HELD = {"ptp": {"type": "ptp"}, "bridge": {**BR, "isGateway": True}}


def host_end(rkt, uuid):
    """Of the pair of links, its name."""
    return next(i["name"] for i in state_of(rkt, uuid)[0]["record"]["interfaces"] if i["name"].startswith("veth"))


@pytest.mark.parametrize("kind", HELD)
def test_a_namespace_that_stays_keeps_no_link_on_the_host(rkt, lan, kind):
    """As after a connection that only one side had closed when the pod ended."""
    forget_network("held")
    network(rkt, {"name": "held", "cniVersion": "1.0.0", **HELD[kind], "ipam": host_local("10.98.0.0/24")})
    rkt.image(exec=SLEEP)
    pods = [rkt.start_pod("example.com/busybox", net="held") for _ in range(2)]
    (p, uuid), (_, other) = pods
    mine, others = (host_end(rkt, u) for _, u in pods)
    assert f"alias {uuid} eth0" in lan.host(f"ip link show {mine}")
    with open(netns_of(rkt, uuid)):
        rkt("stop", "--force", uuid, code=0)
        p.wait(20)
        wait_until(lambda: mine not in lan.host("ip link"), "the pod's link to be gone")
        assert ",UP" in lan.host(f"ip link show {others}") and other in lan.host("ip link")


@pytest.mark.parametrize("alias", ["another", ""])
def test_a_link_that_has_the_name_of_the_pods_is_not_removed(rkt, lan, alias):
    rkt.image(exec=SLEEP)
    p, uuid = rkt.start_pod("example.com/busybox", net="default")
    link = host_end(rkt, uuid)
    lan.host(f"ip link del {link} && ip link add {link} type bridge && ip link set {link} up alias '{alias}'")
    rkt("stop", "--force", uuid, code=0)
    p.wait(20)
    assert (",UP" in lan.host(f"ip link show {link}")) == bool(alias)


def test_who_did_add_does_del(rkt, lan):
    rkt.image(exec=SLEEP)
    p, uuid = rkt.start_pod("--net-plugins=external", "example.com/busybox", net="default")
    assert not state_of(rkt, uuid)[0]["builtin"]
    assert uuid in lan.host("iptables-save -t nat")
    p.kill()
    p.wait()
    wait_until(lambda: rkt.status(uuid)["state"] == "exited", "the pod to be exited")
    rkt("gc", "--grace-period=0s", code=0)
    assert uuid not in lan.host("iptables-save -t nat")
    assert "invalid value" in rkt.run("--net-plugins=mine", "example.com/busybox", code=254).err
