# SPDX-License-Identifier: Apache-2.0
"""Many pods at once, with kills of anything at any time: no address twice, none lost, nothing left.
RKT_STORM=N in the environment: N rounds of ten pods instead of three."""
import os
import random
import subprocess
import threading

import pytest

from netlib import forget_network, host_local, lan, leases, network  # noqa: F401
from rktlib import wait_until

ROUNDS = int(os.environ.get("RKT_STORM", 3))
STAY = 4  # pods of a round that have their addresses at the same time


class Storm:
    """Pods of one network; `twice`: addresses that two of them had at the same time."""

    def __init__(self, rkt, seed):
        self.rkt, self.chance, self.lock, self.held, self.twice = rkt, random.Random(seed), threading.Lock(), set(), []
        self.all_are_there = threading.Barrier(STAY)

    def pod(self, port, ends):
        """A pod that says its address, and ends by itself or is killed."""
        p = self.rkt.start("run", "--net=many", f"--port=www:{port}", "example.com/busybox", "--", "0" if ends else "1", text=True, stderr=subprocess.DEVNULL)
        ip = p.stdout.readline().strip()
        if not ends:
            with self.lock:
                if ip in self.held:
                    self.twice.append(ip)
                self.held.add(ip)
            self.all_are_there.wait(60)
            with self.lock:
                self.held.discard(ip)  # from here on somebody may collect it
            p.kill()
        p.wait()

    def cut_short(self, seconds, *command):
        p = self.rkt.start(*command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            p.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            p.kill()
        p.wait()

    def round(self):
        run = ("run", "--net=many", "example.com/busybox", "--", "1")
        jobs = [(self.cut_short, (self.chance.uniform(0.005, 0.2), *run)) for _ in range(4)]
        jobs += [(self.pod, (1000 + i, ends)) for i, ends in enumerate([False] * STAY + [True] * 2)]
        jobs.append((self.cut_short, (self.chance.uniform(0.005, 0.1), "gc", "--grace-period=0s")))
        threads = [threading.Thread(target=job, args=args) for job, args in jobs]
        for t in threads:
            t.start()
        for t in threads:
            t.join()


@pytest.mark.slow
def test_many_pods_at_once_with_kills(rkt, lan):
    rkt.image(exec=["/bin/sh", "-c", "ip -o -4 addr show eth0 | awk '{print $4}'; [ $1 = 0 ] || exec sleep 1000", "sh"],
              ports=[{"name": "www", "protocol": "tcp", "port": 80}])
    forget_network("many")
    network(rkt, {"name": "many", "cniVersion": "0.4.0", "type": "ptp", "ipMasq": True, "ipam": host_local("10.98.0.0/16")})
    pins = set(os.listdir("/run/netns"))
    storm = Storm(rkt, 7)
    for _ in range(ROUNDS):
        storm.round()
    assert storm.twice == []
    for pod in rkt.pods():
        if pod["state"] == "running":
            rkt("status", "--wait=30s", pod["name"])
    rkt("gc", "--grace-period=0s", code=0)
    rkt("gc", "--grace-period=0s", code=0)
    assert leases("many") == [] and lan.elements() == [] and set(os.listdir("/run/netns")) == pins
    wait_until(lambda: "veth" not in lan.host("ip link"), "all links to be gone")
    rkt.run("--port=www:1000", "example.com/busybox", "--", "0", net="many", code=0)
