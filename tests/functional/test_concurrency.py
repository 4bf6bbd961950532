# SPDX-License-Identifier: Apache-2.0
"""Many processes at once, and processes that are killed at any moment."""
import os
import random
import signal
import subprocess
import threading

import pytest

from machine import Machine
from rktlib import entry


def test_32_processes_fetch_one_image_with_one_download(rkt, web):
    aci = rkt.aci(key="builder", how="gzip", extra=[entry("rootfs/blob", os.urandom(4 << 20))], exec=["/bin/true"])
    url = web.put(aci.path, "x.aci")
    rkt.trust("builder", aci.name)
    procs = [rkt.start("--debug", "fetch", "--pull-policy=new", url) for _ in range(32)]
    outs = [p.communicate(timeout=120) for p in procs]
    assert [p.returncode for p in procs] == [0] * 32, [o[1][-400:] for o in outs if o]
    assert {o[0].decode().strip() for o in outs} == {aci.id[:39]}
    assert len(web.gets("/x.aci")) == 1
    rendered = sum(o[1].decode().count("rendered tree") for o in outs)
    assert rendered == 1, rendered
    rkt.run(aci.name, code=0)


def test_who_waited_for_a_download_takes_what_came_of_it(rkt, web):
    """Also when it began to wait after the last byte had come: the first one still waits for a signature."""
    aci = rkt.aci(key="builder", exec=["/bin/true"])
    url = web.put(aci.path, "x.aci")
    rkt.trust("builder", aci.name)
    asked, go = threading.Event(), threading.Event()

    def signature(handler):
        if not asked.is_set() and not web.gets("/x.aci"):
            handler.reply(202, b"")
            return True
        asked.set()
        assert go.wait(20)
        return False
    web.hooks["/x.aci.asc"] = signature
    first = rkt.start("fetch", url)
    assert asked.wait(20)
    second = rkt.start("fetch", url)
    assert b"another rkt instance is downloading this file" in second.stderr.readline()
    go.set()
    assert first.wait(20) == 0 and second.wait(20) == 0
    assert len(web.gets("/x.aci")) == 1


def test_32_processes_fetch_one_docker_image_with_one_download(rkt, registry, tmp_path):
    from test_docker import INSECURE, base_layer
    from rktlib import oci_layout
    ref = registry.push(f"oci:{oci_layout(tmp_path / 'oci', [base_layer(), [entry('blob', os.urandom(2 << 20))]], {'Cmd': ['/bin/true']})}:latest", "t/x")
    before = len(registry.blob_gets())
    procs = [rkt.start("--debug", INSECURE, "fetch", "--pull-policy=new", ref) for _ in range(32)]
    outs = [p.communicate(timeout=120) for p in procs]
    assert [p.returncode for p in procs] == [0] * 32, [o[1][-400:] for o in outs]
    blobs = [line.split("/blobs/")[1][:71] for line in registry.blob_gets()[before:]]
    assert sorted(blobs) == sorted(set(blobs)), blobs
    rendered = [line for o in outs for line in o[1].decode().splitlines() if "rendered tree" in line]
    assert len(rendered) == len(set(rendered)) == 2, rendered


def test_pods_of_one_image_start_at_once(rkt):
    rkt.image(exec=["/bin/sh", "-c", "echo $AC_APP_NAME; exit 3"])
    procs = [rkt.start("run", "--net=none", "example.com/busybox") for _ in range(12)]
    outs = [p.communicate(timeout=60) for p in procs]
    assert [p.returncode for p in procs] == [3] * 12, outs
    assert len(rkt.pods()) == 12


@pytest.mark.slow
@pytest.mark.parametrize("what", ["fetch", "run", "gc"])
def test_kill_at_random_moments(rkt, web, what):
    """67 kills each: the next command works, gc leaves nothing behind."""
    seed = int(os.environ.get("RKT_SEED", random.randrange(1 << 30)))
    rng = random.Random(seed)
    aci = rkt.aci(key="builder", how="gzip", extra=[entry(f"rootfs/files/{i}", os.urandom(2000)) for i in range(300)], exec=["/bin/true"])
    url = web.put(aci.path, "x.aci")
    rkt.trust("builder", aci.name)
    if what != "fetch":
        rkt("fetch", aci.path, code=0)
    before = Machine.look()
    for i in range(67):
        args = {"fetch": ["fetch", url], "run": ["run", "--net=none", aci.name], "gc": ["gc", "--grace-period=0s"]}[what]
        if what == "gc":
            rkt.run(aci.name, code=0)
        p = rkt.start(*args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            p.wait(rng.uniform(0, 0.35 if what == "fetch" else 0.06))
        except subprocess.TimeoutExpired:
            p.send_signal(signal.SIGKILL)
            p.wait()
        if i % 10 == 9:
            rkt("fetch", url, code=0)
            rkt.run(aci.name, code=0)
            if what == "fetch":
                rkt("image", "rm", aci.key, code=0)
    rkt("fetch", url, code=0)
    rkt.run(aci.name, code=0)
    rkt("gc", "--grace-period=0s", "--expire-prepared=0s", code=0)
    assert Machine.look().since(before) == [], seed
    for state in (rkt.data / "pods").iterdir():
        assert list(state.iterdir()) == [], (state, seed)
