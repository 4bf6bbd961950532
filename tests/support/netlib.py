# SPDX-License-Identifier: Apache-2.0
"""Network namespaces that play hosts: sockets, servers and clients in them, from this process."""
import ctypes
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import uuid

import pytest
from machine import firewall_elements
from rktlib import Rkt

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


def socket_in(path, family, kind, protocol=0):
    """A socket of another network namespace; it stays there, this thread comes back."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(path, os.O_RDONLY)
    try:
        if LIBC.setns(there, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns", path)
        try:
            return socket.socket(family, kind, protocol)
        finally:
            assert LIBC.setns(home, CLONE_NEWNET) == 0
    finally:
        os.close(home)
        os.close(there)


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


class Server:
    """Tells every client the address that it sees it come from."""

    def __init__(self, netns, port, kind=socket.SOCK_STREAM, address="0.0.0.0"):
        self.socket = socket_in(netns, family_of(address), kind)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family_of(address) == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        self.socket.bind((address, port))
        if kind == socket.SOCK_STREAM:
            self.socket.listen()
        target = self.serve_stream if kind == socket.SOCK_STREAM else self.serve_datagrams
        self.thread = threading.Thread(target=target, daemon=True)
        self.thread.start()

    def serve_stream(self):
        while True:
            try:
                connection, peer = self.socket.accept()
            except OSError:
                return
            with connection:
                connection.sendall(peer[0].encode())

    def serve_datagrams(self):
        while True:
            try:
                _, peer = self.socket.recvfrom(100)
            except OSError:
                return
            if not peer:
                return
            self.socket.sendto(peer[0].encode(), peer)

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()


def seen_from(netns, address, port, kind=socket.SOCK_STREAM, timeout=20.0):
    """What a Server at the address says of a client in `netns`; raises OSError when it is not reached."""
    with socket_in(netns, family_of(address), kind) as s:
        s.settimeout(timeout)
        s.connect((address, port))
        if kind == socket.SOCK_DGRAM:
            s.send(b"?")
        return s.recv(100).decode()


def reaches(netns, address, port, kind=socket.SOCK_STREAM, timeout=20.0):
    """Who expects that it does not says how long that takes: packets may be dropped without a word."""
    try:
        seen_from(netns, address, port, kind, timeout)
        return True
    except OSError:
        return False


class Host:
    """A network namespace with a name of its own."""

    def __init__(self, role):
        self.name = f"rkt-{role}-{uuid.uuid4().hex[:6]}"
        self.path = f"/run/netns/{self.name}"
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        self("ip link set lo up")

    def __call__(self, command, check=True):
        return subprocess.run(["nsenter", f"--net={self.path}", "sh", "-c", command], check=check, capture_output=True, text=True).stdout

    def close(self):
        subprocess.run(["ip", "netns", "del", self.name], check=False)


class Lan:
    """`host`, where rkt runs, and `far`, another machine on its network, which knows no way to pods:
    host 10.77.0.1 fd77::1, far 10.77.0.2 fd77::2; host also has 10.77.0.3."""

    def __init__(self):
        self.host, self.far = Host("host"), Host("far")
        self.host(f"ip link add lan type veth peer name lan netns {self.far.name} && ip addr add 10.77.0.1/24 dev lan && "
                  "ip addr add 10.77.0.3/24 dev lan && ip -6 addr add fd77::1/64 dev lan nodad && ip link set lan up")
        self.far("ip addr add 10.77.0.2/24 dev lan && ip -6 addr add fd77::2/64 dev lan nodad && ip link set lan up")

    def move(self, rkt):
        """From now on this rkt runs on `host`."""
        rkt.argv = lambda *args: ["nsenter", f"--net={self.host.path}", *Rkt.argv(rkt, *args)]

    def elements(self):
        """Of the sets and maps of our table on `host`, as nft shows them."""
        return firewall_elements("nsenter", f"--net={self.host.path}")

    def close(self):
        self.far.close()
        self.host.close()


# ------------------------------------------------------------------------------------------------------------ pods on networks

LEASES = "/var/lib/cni/networks"
SLEEP = ["/bin/sleep", "1000"]


@pytest.fixture
def lan(rkt):
    lan = Lan()
    lan.move(rkt)
    yield lan
    rkt.close()
    del rkt.argv
    lan.close()


@pytest.fixture
def servers():
    made = []

    def serve(*args, **kw):
        made.append(Server(*args, **kw))
        return made[-1]
    yield serve
    for s in made:
        s.close()


def pod_dir(rkt, uuid):
    return next(d for state in ("run", "exited-garbage", "garbage") if (d := rkt.data / "pods" / state / uuid).exists())


def state_of(rkt, uuid):
    return json.loads((pod_dir(rkt, uuid) / "net-state.json").read_text())


def netns_of(rkt, uuid):
    return (rkt.data / "pods/run" / uuid / "netns").read_text()


def addresses(rkt, uuid):
    return [a["address"].split("/")[0] for a in state_of(rkt, uuid)[0]["record"]["ips"]]


def start(rkt, net="default", *args):
    """A pod that sleeps: (uuid, path of its network namespace, its addresses)."""
    _, uuid = rkt.start_pod(*args, "example.com/busybox", net=net)
    return uuid, netns_of(rkt, uuid), addresses(rkt, uuid)


def network(rkt, conf, file=None):
    (rkt.etc / "net.d").mkdir(parents=True, exist_ok=True)
    kind = "conflist" if "plugins" in conf else "conf"
    (rkt.etc / "net.d" / (file or f"10-{conf['name']}.{kind}")).write_text(json.dumps(conf))


def leases(name):
    path = f"{LEASES}/{name}"
    return sorted(n for n in os.listdir(path) if re.fullmatch(r"[0-9a-f.:]+", n)) if os.path.isdir(path) else []


def forget_network(name):
    shutil.rmtree(f"{LEASES}/{name}", ignore_errors=True)


def port_image(rkt, exec=None, ports=(("www", "tcp", 8080),)):
    rkt.image(exec=exec or SLEEP, ports=[{"name": n, "protocol": proto, "port": p} for n, proto, p in ports])


def host_local(subnet, **more):
    return {"type": "host-local", "subnet": subnet, **more}
