# SPDX-License-Identifier: Apache-2.0
"""The built-in networks and the reference's plugins, field by field: results, leases, and what a pod and its host then have."""
import json
import os
import re

import pytest

from netlib import LEASES, forget_network, host_local, lan, leases, network, pod_dir, state_of  # noqa: F401

ROUTES = [{"dst": "0.0.0.0/0"}, {"dst": "10.1.0.0/16", "gw": "10.98.0.9"}]
DNS = {"nameservers": ["10.98.0.1"], "domain": "d.example", "search": ["a.example", "b.example"], "options": ["debug"]}
V4 = host_local("10.98.0.0/24")
V6 = host_local("fd98:2::/80")
ROUTED = host_local("10.98.0.0/24", routes=ROUTES)
DUAL = {"type": "host-local", "ranges": [[{"subnet": "10.98.1.0/24"}], [{"subnet": "fd98:1::/64"}]]}
DUAL_ROUTED = {**DUAL, "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]}
ENDS = host_local("10.98.0.0/16", rangeStart="10.98.3.7", rangeEnd="10.98.3.9", gateway="10.98.9.9")
TWO_RANGES = {"type": "host-local", "ranges": [[{"subnet": "10.98.0.0/30"}, {"subnet": "10.98.1.0/24", "rangeStart": "10.98.1.20"}]]}
MIXED = {"type": "host-local", "subnet": "10.98.0.0/25", "ranges": [[{"subnet": "10.98.4.0/24", "gateway": "10.98.4.77"}]]}
SMALL = host_local("10.98.0.4/30")
FAMILIES = {"v4": V4, "v6": V6, "routed": ROUTED, "dual": DUAL, "dual routed": DUAL_ROUTED}
# Which address: the same for whatever it is given to.
RANGES = {"ends": ENDS, "two ranges": TWO_RANGES, "mixed": MIXED, "small": SMALL}


def ptp(ipam=V4, version="0.4.0", **more):
    return {"cniVersion": version, "type": "ptp", "ipam": ipam, **more}


def bridge(ipam=V4, version="0.4.0", **more):
    return {"cniVersion": version, "type": "bridge", "bridge": "cni-rkt-test", "ipam": ipam, **more}


PORTMAP = {"type": "portmap", "capabilities": {"portMappings": True}, "snat": True}
VERSIONS = ("0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0")
FORMATS = ("0.2.0", "0.4.0", "1.0.0")  # of results
CONFIGURATIONS = {
    "ptp versions": {**{v: ptp(ROUTED, v) for v in VERSIONS}, "none": {"type": "ptp", "ipam": V4}, "0.2.0 dual": ptp(DUAL_ROUTED, "0.2.0"),
                     "several": ptp(V4, "0.4.0", cniVersions=["1.0.0"])},
    "bridge versions": {**{v: bridge(ROUTED, v, isGateway=True) for v in FORMATS}, "0.2.0 dual": bridge(DUAL, "0.2.0", isDefaultGateway=True)},
    "ptp addresses": {k: ptp(v, "1.0.0") for k, v in (FAMILIES | RANGES).items()},
    "bridge addresses": {k: bridge(v, "1.0.0") for k, v in FAMILIES.items()},
    "ptp keys": {"masquerade": ptp(V4, ipMasq=True), "mtu": ptp(V4, mtu=1400), "dns": ptp(V4, dns=DNS), "all": ptp(DUAL_ROUTED, "1.0.0", ipMasq=True, mtu=1300, dns=DNS),
                 "nothing": ptp(V4, ipMasq=False, mtu=0, dns={})},
    "bridge keys": {"masquerade": bridge(V4, ipMasq=True, isGateway=True), "gateway": bridge(ROUTED, "1.0.0", isGateway=True),
                    "default gateway": bridge(V4, "0.3.1", isDefaultGateway=True), "hairpin": bridge(V4, hairpinMode=True, mtu=1300),
                    "promiscuous": bridge(V4, promiscMode=True, isGateway=True), "force": bridge(DUAL, "1.0.0", isDefaultGateway=True, forceAddress=True),
                    "dns": bridge(V6, dns=DNS, isGateway=True)},
    "chains": {"ptp": {"cniVersion": "0.4.0", "plugins": [{"type": "ptp", "ipMasq": True, "ipam": V4}, PORTMAP]},
               "bridge": {"cniVersion": "1.0.0", "plugins": [{"type": "bridge", "bridge": "cni-rkt-test", "isGateway": True, "ipam": DUAL}, PORTMAP]},
               "loopback": {"cniVersion": "0.4.0", "type": "loopback"}},
    "arguments": {"ptp:IP=10.98.0.77": ptp(), "bridge:IP=10.98.0.77": bridge(ROUTED, "1.0.0", isGateway=True), "ptp v6:IP=fd98:2::77": ptp(V6)},
}


def same_shape(result):
    """Without what is random: names and addresses of links, the path of the namespace."""
    result = json.loads(json.dumps(result))
    for i in result.get("interfaces", []):
        if i["name"].startswith("veth"):
            i["name"] = "veth"
        if i["name"] != "lo":
            i["mac"] = re.sub(r"[0-9a-f]{2}", "xx", i.get("mac", ""))
        if "sandbox" in i:
            i["sandbox"] = "pod"
    for ip in result.get("ips", []):  # the plugin loopback leaves the family out, against the specification
        if ip["address"] in ("127.0.0.1/8", "::1/128"):
            ip.pop("version", None)
    return result


def seen_in_pod(out):
    """Addresses and routes as `ip` shows them in a pod, without the flags of an address."""
    lines = []
    for line in out.splitlines():
        line = re.sub(r"\s+", " ", re.sub(r"noprefixroute|onlink|metric \d+|proto \w+|pref medium|dynamic|valid_lft.*|nodad|tentative|flags 02", "", line)).strip()
        if "fe80:" not in line and "ff00::/8" not in line and "anycast" not in line and line:
            lines.append(re.sub(r"^\d+: ", "", line).replace("\\", "").strip())
    return sorted(lines)


def host_side(lan):
    """Links of pods and bridges, their addresses and routes, on the host; without names that are random."""
    # Without the kernel's route to the gateway's own address, which only a plugin has.
    out = lan.host("ip -o addr show | grep -v ' lo \\| lan '; ip route; ip -6 route | grep -v '^fd98:1::1 .*proto kernel'; cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding")
    return sorted(re.sub(r"veth[0-9a-f]{8}", "veth", line) for line in seen_in_pod(out) if "linkdown" not in line)


SHOW = "ip -o -4 addr show; ip -o -6 addr show; ip route; ip -6 route; cat /sys/class/net/eth0/mtu; cat /etc/resolv.conf; true"


@pytest.mark.parametrize("group", CONFIGURATIONS)
def test_both_give_the_same(rkt, lan, group):
    rkt.image(exec=["/bin/sh", "-c", SHOW])
    for which, conf in CONFIGURATIONS[group].items():
        network(rkt, {"name": "same", **conf}, file=f"10-same.{'conflist' if 'plugins' in conf else 'conf'}")
        args = which[which.index(":"):] if ":" in which else ""
        found = {}
        for who in ("auto", "external"):
            forget_network("same")
            uuid_file = rkt.tmp / f"uuid-{who}"
            # Twice: the second address shows where the search goes on.
            for _ in range(2 if which in ("two ranges", "ends") else 1):
                out = rkt.run(f"--net-plugins={who}", f"--uuid-file-save={uuid_file}", "example.com/busybox", net=f"same{args}", code=0).out
            state = state_of(rkt, uuid_file.read_text())[0]
            assert state["builtin"] == (who == "auto"), which
            info = json.loads((pod_dir(rkt, uuid_file.read_text()) / "net-info.json").read_text())
            info[0].pop("pluginPath")
            last = open(f"{LEASES}/same/last_reserved_ip.0").read() if os.path.isdir(f"{LEASES}/same") else None
            assert leases("same") == []
            found[who] = {"result": same_shape(state["result"]), "pod": seen_in_pod(out), "info": info, "last": last}
            lan.host("ip link del cni-rkt-test 2>/dev/null", check=False)
        assert found["auto"] == found["external"], which
        os.unlink(next((rkt.etc / "net.d").iterdir()))


@pytest.mark.parametrize("conf", [ptp(DUAL_ROUTED, "1.0.0", mtu=1400), bridge(DUAL, "1.0.0", isDefaultGateway=True, mtu=1400)], ids=["ptp", "bridge"])
def test_the_host_has_the_same(rkt, lan, conf):
    rkt.image(exec=["/bin/sleep", "1000"])
    network(rkt, {"name": "same", **conf})
    found = {}
    for who in ("auto", "external"):
        forget_network("same")
        p, uuid = rkt.start_pod(f"--net-plugins={who}", "example.com/busybox", net="same")
        found[who] = host_side(lan)
        rkt("stop", "--force", uuid)
        p.wait()
        lan.host("ip link del cni-rkt-test 2>/dev/null; for l in $(ip -o link | grep -o 'veth[0-9a-f]*' | sort -u); do ip link del $l; done", check=False)
        lan.host("sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0")
    assert found["auto"] == found["external"]
