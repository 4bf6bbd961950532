# SPDX-License-Identifier: Apache-2.0
"""Networks as other hosts see them: what is reached, from which address, how fast; and plugins that rkt leaves to others, key by key."""
import json
import re
import socket
import subprocess
import time

import pytest

from netlib import SLEEP, forget_network, host_local, lan, leases, netns_of, network, port_image, reaches, seen_from, servers, socket_in, start, state_of  # noqa: F401
from rktlib import wait_until

ROUTES = [{"dst": "0.0.0.0/0"}]
PTP = {"type": "ptp", "ipMasq": True, "ipam": host_local("10.98.0.0/24", routes=ROUTES)}
PORTMAP = {"type": "portmap", "capabilities": {"portMappings": True}}


def chain(rkt, *plugins, name="net", version="1.0.0"):
    forget_network(name)
    network(rkt, {"cniVersion": version, "name": name, "plugins": list(plugins)})


def inside(netns, command):
    return subprocess.run(["nsenter", f"--net={netns}", "sh", "-c", command], capture_output=True, text=True, check=True).stdout


def pod_on(rkt, *flags, net="net"):
    _, uuid = rkt.start_pod(*flags, "example.com/busybox", net=net)
    result = state_of(rkt, uuid)[0]["result"]
    return uuid, netns_of(rkt, uuid), [a["address"].split("/")[0] for a in result["ips"]]


def bytes_through(sender, receiver, address, seconds):
    """How much arrives at a socket in `receiver` in that time when `sender` sends as fast as it can."""
    with socket_in(receiver, socket.AF_INET, socket.SOCK_DGRAM) as r, socket_in(sender, socket.AF_INET, socket.SOCK_DGRAM) as s:
        r.bind(("0.0.0.0", 9999))
        r.setblocking(False)
        s.setblocking(False)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        got, end = 0, time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                s.sendto(b"x" * 1000, (address, 9999))
            except BlockingIOError:
                pass
            try:
                while data := r.recv(2000):
                    got += len(data)
            except BlockingIOError:
                pass
        return got


def test_masquerade_keeps_connections_and_spares_multicast(rkt, lan, servers):
    rkt.image(exec=SLEEP)
    chain(rkt, PTP)
    _, pod, [ip] = pod_on(rkt)
    servers(lan.far.path, 7000)
    servers(lan.far.path, 7001, socket.SOCK_DGRAM)
    assert seen_from(pod, "10.77.0.2", 7000) == "10.77.0.1"
    assert seen_from(pod, "10.77.0.2", 7001, socket.SOCK_DGRAM) == "10.77.0.1"
    lan.far("ip route add 10.98.0.0/24 via 10.77.0.1")
    chain(rkt, {**PTP, "ipMasq": False, "ipam": host_local("10.98.7.0/24", routes=ROUTES)}, name="plain")
    _, plain, [own] = pod_on(rkt, net="plain")
    lan.far("ip route add 10.98.7.0/24 via 10.77.0.1")
    assert seen_from(plain, "10.77.0.2", 7000) == own


def test_mtu_is_that_of_both_ends_and_of_the_path(rkt, lan, servers):
    rkt.image(exec=SLEEP)
    chain(rkt, {**PTP, "mtu": 1300}, PORTMAP)
    uuid, pod, [ip] = pod_on(rkt)
    peer = state_of(rkt, uuid)[0]["record"]["interfaces"][0]["name"]
    assert "mtu 1300" in inside(pod, "ip link show eth0") and "mtu 1300" in lan.host(f"ip link show {peer}")
    with socket_in(lan.host.path, socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.IPPROTO_IP, 10, 2)  # IP_MTU_DISCOVER: do
        s.connect((ip, 9))
        s.send(b"x" * 1272)
        with pytest.raises(OSError, match="too long"):
            s.send(b"x" * 1273)


def test_a_pod_without_a_network_has_none_and_pods_see_each_other_only_through_the_host(rkt, lan, servers):
    rkt.image(exec=SLEEP)
    _, one, [one_ip] = pod_on(rkt, net="default-restricted")
    _, two, [two_ip] = pod_on(rkt, net="default-restricted")
    _, uuid = rkt.start_pod("example.com/busybox", net="none")
    none = netns_of(rkt, uuid)
    servers(one, 7000)
    servers(lan.host.path, 7001)
    assert seen_from(two, one_ip, 7000) == two_ip
    assert inside(none, "ls /sys/class/net; ip route; ip -6 route").split() == ["lo"] or "eth" not in inside(none, "ip -o link")
    assert not reaches(none, one_ip, 7000, timeout=0.1) and not reaches(none, "172.31.0.1", 7001, timeout=0.1)
    # No way out, also when the pod adds a route: nothing translates its address, and nobody outside knows it.
    inside(one, "ip route add default via 172.31.0.1")
    servers(lan.far.path, 7002)
    assert not reaches(one, "10.77.0.2", 7002, timeout=0.2)
    # Another pod's address as one's own does not come back.
    inside(two, f"ip addr add {one_ip}/32 dev lo")
    with socket_in(two, socket.AF_INET, socket.SOCK_STREAM) as s:
        s.settimeout(0.2)
        s.bind((one_ip, 0))
        with pytest.raises(OSError):
            s.connect(("172.31.0.1", 7001))


@pytest.mark.parametrize("how", ["configuration", "capability"])
def test_bandwidth(rkt, lan, how):
    """8 Mbit/s, 100 kB at once: in half a second no more than a megabyte, where without a limit it would be many."""
    rate, burst = 8_000_000, 800_000
    limit = {"ingressRate": rate, "ingressBurst": burst, "egressRate": rate, "egressBurst": burst}
    rkt.image(exec=SLEEP)
    if how == "configuration":
        chain(rkt, PTP, {"type": "bandwidth", **limit})
        uuid, pod, [ip] = pod_on(rkt)
    else:
        chain(rkt, PTP, {"type": "bandwidth", "capabilities": {"bandwidth": True}})
        uuid, pod, [ip] = pod_on(rkt, net="net:" + ";".join(f"bandwidth.{k}={v}" for k, v in limit.items()))
    assert not state_of(rkt, uuid)[0]["builtin"]
    for sender, receiver, address in ((lan.host.path, pod, ip), (pod, lan.far.path, "10.77.0.2")):
        got = bytes_through(sender, receiver, address, 0.3)
        assert 20_000 < got < 700_000, (sender, got)
    rkt("stop", "--force", uuid)
    wait_until(lambda: leases("net") == [], "the address to be returned")
    wait_until(lambda: "ifb" not in lan.host("tc qdisc; ip -o link") and "bwp" not in lan.host("ip -o link"), "the limits to be gone")


def test_tuning(rkt, lan):
    rkt.image(exec=SLEEP)
    chain(rkt, PTP, {"type": "tuning", "sysctl": {"net.ipv4.conf.IFNAME.arp_filter": "1", "net.core.somaxconn": "99"},
                     "mac": "c2:11:22:33:44:55", "mtu": 1350, "promisc": True, "allmulti": True, "capabilities": {"mac": True}})
    _, pod, _ = pod_on(rkt)
    link = inside(pod, "ip link show eth0")
    assert "c2:11:22:33:44:55" in link and "mtu 1350" in link and "PROMISC" in link and "ALLMULTI" in link
    assert inside(pod, "cat /proc/sys/net/ipv4/conf/eth0/arp_filter /proc/sys/net/core/somaxconn").split() == ["1", "99"]
    _, other, _ = pod_on(rkt, net="net:mac=c2:11:22:33:44:66")
    assert "c2:11:22:33:44:66" in inside(other, "ip link show eth0")


def test_firewall(rkt, lan, servers):
    """A host that forwards nothing by itself, and administrators' rules of both kinds, which stay as they are."""
    rkt.image(exec=SLEEP)
    lan.host("iptables-nft -P FORWARD DROP; iptables-nft -N ADMIN; iptables-nft -A ADMIN -p tcp --dport 7001 -j DROP")
    servers(lan.far.path, 7000)
    servers(lan.far.path, 7001)
    chain(rkt, PTP)
    _, pod, _ = pod_on(rkt)
    assert not reaches(pod, "10.77.0.2", 7000, timeout=0.2)
    chain(rkt, {**PTP, "ipam": host_local("10.98.1.0/24", routes=ROUTES)}, {"type": "firewall", "backend": "iptables", "iptablesAdminChainName": "ADMIN"}, name="fw")
    uuid, pod, [ip] = pod_on(rkt, net="fw")
    assert seen_from(pod, "10.77.0.2", 7000) == "10.77.0.1"
    assert not reaches(pod, "10.77.0.2", 7001, timeout=0.2)
    rkt("stop", "--force", uuid)
    wait_until(lambda: leases("fw") == [], "the address to be returned")
    rules = lan.host("iptables-nft -S")
    assert ip not in rules and "-P FORWARD DROP" in rules and "-A ADMIN -p tcp -m tcp --dport 7001 -j DROP" in rules


def test_firewall_keeps_bridges_apart(rkt, lan, servers):
    """ingressPolicy same-bridge: pods of one bridge reach each other, those of another one do not."""
    rkt.image(exec=SLEEP)
    pods = {}
    for n, name in ((1, "red"), (2, "blue")):
        chain(rkt, {"type": "bridge", "bridge": f"rkt-{name}", "isGateway": True, "ipam": host_local(f"10.98.{n}.0/24", routes=ROUTES)},
              {"type": "firewall", "backend": "iptables", "ingressPolicy": "same-bridge"}, name=name)
        pods[name] = [pod_on(rkt, net=name) for _ in range(2 if name == "red" else 1)]
    (_, one, _), (_, two, [ip]) = pods["red"]
    [(_, stranger, _)] = pods["blue"]
    servers(two, 7000)
    assert reaches(one, ip, 7000)
    assert not reaches(stranger, ip, 7000, timeout=0.2)


@pytest.mark.parametrize("mode", ["bridge", "private", "vepa", "passthru"])
def test_macvlan(rkt, lan, servers, mode):
    """A host of its own on the network: no translation, no way to its own host."""
    rkt.image(exec=SLEEP)
    chain(rkt, {"type": "macvlan", "master": "lan", "mode": mode, "mtu": 1400, "ipam": host_local("10.77.0.0/24", rangeStart="10.77.0.50", rangeEnd="10.77.0.60")})
    _, pod, [ip] = pod_on(rkt)
    details = inside(pod, "ip -d link show eth0")
    assert f"mode {mode}" in details and "mtu 1400" in details
    if mode == "passthru":  # it has taken the host's own address on the wire
        return
    servers(lan.far.path, 7000)
    assert seen_from(pod, "10.77.0.2", 7000) == ip
    servers(pod, 7001)
    assert seen_from(lan.far.path, ip, 7001) == "10.77.0.2"
    assert not reaches(lan.host.path, ip, 7001, timeout=0.2)


@pytest.mark.parametrize("key, value", [("snat", False), ("masqAll", True), ("markMasqBit", 7), ("conditionsV4", ["-s", "10.77.0.2"]),
                                        ("externalSetMarkChain", "MARKS")])
def test_portmap(rkt, lan, servers, key, value):
    port_image(rkt)
    lan.host("iptables-nft -t nat -N MARKS; iptables-nft -t nat -A MARKS -j MARK --set-xmark 0x80/0x80; "
             "iptables-nft -t nat -A POSTROUTING -m mark --mark 0x80/0x80 -j MASQUERADE")
    chain(rkt, PTP, {**PORTMAP, key: value})
    uuid, pod, [ip] = pod_on(rkt, "--port=www:80")
    assert state_of(rkt, uuid)[0]["builtin"] == (key in ("snat", "masqAll"))
    servers(pod, 8080)
    far, host = lan.far.path, lan.host.path
    assert seen_from(far, "10.77.0.1", 80) == ("10.98.0.1" if key == "masqAll" else "10.77.0.2")
    expected, patience = (False, 0.2) if key in ("snat", "conditionsV4") else (True, 20)
    assert reaches(host, "127.0.0.1", 80, timeout=patience) == reaches(pod, "10.77.0.1", 80, timeout=patience) == expected


def test_portmap_conditions_are_of_a_family(rkt, lan, servers):
    port_image(rkt)
    both = host_local("10.98.0.0/24", ranges=[[{"subnet": "10.98.0.0/24"}], [{"subnet": "fd98::/64"}]], routes=[*ROUTES, {"dst": "::/0"}])
    del both["subnet"]
    chain(rkt, {"type": "ptp", "ipMasq": True, "ipam": both}, {**PORTMAP, "conditionsV6": ["-s", "fd77::99/128"]})
    uuid, pod, [_, ip6] = pod_on(rkt, "--port=www:80")
    assert not state_of(rkt, uuid)[0]["builtin"]
    servers(pod, 8080)
    servers(pod, 8080, address="::")
    assert seen_from(lan.far.path, "10.77.0.1", 80) == "10.77.0.2"
    assert not reaches(lan.far.path, "fd77::1", 80, timeout=0.2)
    lan.far("ip -6 addr add fd77::99/64 dev lan nodad; ip -6 addr del fd77::2/64 dev lan")
    assert seen_from(lan.far.path, "fd77::1", 80) == "fd77::99"


@pytest.mark.parametrize("resolv_conf", [False, True])
def test_leases_where_the_network_wants_them(rkt, lan, tmp_path, resolv_conf):
    rkt.image(exec=["/bin/sh", "-c", "cat /etc/resolv.conf 2>/dev/null; exec sleep 1000"])
    (tmp_path / "resolv").write_text("nameserver 10.9.9.9\nsearch x.example\n")
    more = {"resolvConf": str(tmp_path / "resolv")} if resolv_conf else {}
    chain(rkt, {"type": "ptp", "ipam": host_local("10.98.0.0/24", dataDir=str(tmp_path / "leases"), **more)})
    uuid, _, [ip] = pod_on(rkt)
    assert (tmp_path / "leases/net" / ip).exists() and leases("net") == []
    assert state_of(rkt, uuid)[0]["builtin"] == (not resolv_conf)
    assert state_of(rkt, uuid)[0]["result"]["dns"].get("nameservers") == (["10.9.9.9"] if resolv_conf else None)
    rkt("stop", "--force", uuid)
    wait_until(lambda: not (tmp_path / "leases/net" / ip).exists(), "the address to be returned")
