# SPDX-License-Identifier: Apache-2.0
"""loopback_tricks.py HOST POD: what a hostile app in the network of process POD can do to get at what listens on 127.0.0.1 in that of
process HOST, which is 192.0.2.1 outside. Prints what arrived there, then "reached 192.0.2.1" when the pod's network still leads out."""
import ctypes
import os
import socket
import struct
import sys

UDP, TCP, OUTSIDE = 5353, 5432, 5433


def enter(pid):
    fd = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    assert ctypes.CDLL(None).setns(fd, 0) == 0
    os.close(fd)


def bound(kind, address, port):
    s = socket.socket(socket.AF_INET, kind)
    s.bind((address, port))
    if kind == socket.SOCK_STREAM:
        s.listen()
    s.setblocking(False)
    return s


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff


def syn(source, target, port):
    """A packet that asks for a connection."""
    ends = socket.inet_aton(source) + socket.inet_aton(target)
    tcp = lambda check: struct.pack("!HHIIBBHHH", 40123, port, 1000, 0, 5 << 4, 2, 65535, check, 0)
    tcp = tcp(checksum(ends + struct.pack("!HH", socket.IPPROTO_TCP, 20) + tcp(0)))
    ip = lambda check: struct.pack("!BBHHHBBH", 0x45, 0, 40, 1, 0, 64, socket.IPPROTO_TCP, check) + ends
    return ip(checksum(ip(0))) + tcp


def gateway():
    """Address, and on the wire: the pod has talked to it before."""
    with open("/proc/thread-self/net/route") as f:
        number = next(words[2] for words in map(str.split, f) if words[1] == "00000000")
    address = socket.inet_ntoa(int(number, 16).to_bytes(4, "little"))
    with open("/proc/thread-self/net/arp") as f:
        return address, bytes.fromhex(next(words[3] for words in map(str.split, f) if words[0] == address).replace(":", ""))


def arrived(listeners):
    for s in listeners:
        try:
            print("arrived:", s.recv(99) if s.type == socket.SOCK_DGRAM else s.accept()[1])
        except BlockingIOError:
            pass


enter(sys.argv[1])
listeners = [bound(socket.SOCK_DGRAM, "127.0.0.1", UDP), bound(socket.SOCK_STREAM, "127.0.0.1", TCP)]
outside = bound(socket.SOCK_STREAM, "192.0.2.1", OUTSIDE)
enter(sys.argv[2])
near, mac = gateway()

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:  # takes no capability
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0\0")
    for target in ("127.0.0.1", near, "10.0.2.2", "10.0.2.100", "255.255.255.255"):
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        s.sendto(f"datagram to {target}".encode(), (target, UDP))
    s.connect(("192.0.2.1", 1))
    own = s.getsockname()[0]
with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM) as s:  # CAP_NET_RAW, as apps have it
    for target in ("127.0.0.1", "0.0.0.0", near, "10.0.2.2"):
        s.sendto(syn(own, target, TCP), ("eth0", 0x0800, 0, 0, mac))
    s.sendto(syn("127.0.0.1", "127.0.0.1", TCP), ("eth0", 0x0800, 0, 0, mac))
try:
    with socket.create_connection(("192.0.2.1", OUTSIDE), 10):  # the same way, behind all that
        outside.setblocking(True)
        outside.accept()
finally:
    arrived(listeners)
print("reached 192.0.2.1")
