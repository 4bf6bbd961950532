# SPDX-License-Identifier: Apache-2.0
"""Mounts of trees' files that outlive pods: who makes them again, and who lets them go."""
import ctypes
import errno
import fcntl
import json
import os
import shutil
import subprocess
import threading

import pytest

from rktlib import Rkt, entry, oci_layout, wait_until
from test_docker import base_layer
from test_trees import INSECURE, tree_files

CLONE_NEWNS = 0x20000


def pin_of(rkt):
    st = os.stat(f"{rkt.data}/cas/tree")
    return f"/run/rkt/trees/{st.st_dev}-{st.st_ino}"


def mounts_in(text):
    """Place -> device of what is mounted from files of trees."""
    return {line.split()[4]: line.split()[2] for line in text.splitlines() if " erofs " in line}


def trees_of(pod):
    with open(f"/proc/{pod.pid}/mountinfo") as f:
        return mounts_in(f.read())


def kept_mounts(rkt):
    """Those of this installation, places from cas/tree; None: no namespace is pinned."""
    pin = pin_of(rkt)
    with open("/proc/self/mountinfo") as f:
        if f" {pin} " not in f.read():
            return None
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            proc = os.open("/proc", os.O_RDONLY)
            assert ctypes.CDLL(None).setns(os.open(pin, os.O_RDONLY), CLONE_NEWNS) == 0
            file = os.open("self/mountinfo", os.O_RDONLY, dir_fd=proc)
            while data := os.read(file, 65536):
                os.write(into, data)
        finally:
            os._exit(0)
    os.close(into)
    with open(out) as f:
        text = f.read()
    os.waitpid(child, 0)
    assert text.splitlines()[0].split()[4] == "/" and text.count("\n") == 1 + len(mounts_in(text)), text  # its root, and files
    return mounts_in(text)


@pytest.fixture
def image(rkt, tmp_path, pinning):  # pylint: disable=unused-argument
    rkt.trees = ["--tree-backend=erofs"]
    return install(rkt, tmp_path)


def install(rkt, tmp_path, layers=2):
    layers = [base_layer(), *[[entry(f"f{n}", "")] for n in range(layers - 2)], [entry("upper", "top")]]
    oci = oci_layout(tmp_path / "oci", layers, {"Cmd": ["/bin/cat", "/upper"], "Env": ["PATH=/bin"]})
    rkt(INSECURE, "fetch", f"oci:{oci}", code=0)
    return json.loads(rkt("image", "list", "--format=json", code=0).out)[0]["id"]


def runs(rkt, image):
    assert rkt(INSECURE, "run", "--net=none", image, code=0).out == "top"
    return kept_mounts(rkt)


def test_the_next_pod_takes_the_same_until_no_pod_is_left(rkt, image):
    first = runs(rkt, image)
    assert len(first) == 3 and all(place.endswith("/rootfs") for place in first)
    assert runs(rkt, image) == first
    rkt("gc", code=0)
    assert kept_mounts(rkt) == first  # of pods that are within their grace
    rkt("gc", "--grace-period=0s", code=0)
    assert kept_mounts(rkt) is None and not os.path.exists(pin_of(rkt))
    assert runs(rkt, image) is not None
    rkt("gc", "--mark-only", code=0)
    assert kept_mounts(rkt) is not None
    *others, last = [pod["name"] for pod in rkt.pods()]
    assert others == [] or rkt("rm", *others, code=0)
    assert kept_mounts(rkt) is not None
    rkt("rm", last, code=0)
    assert kept_mounts(rkt) is None and not os.path.exists(pin_of(rkt))
    assert runs(rkt, image) is not None
    shutil.rmtree(f"{rkt.data}/pods")
    rkt("image", "gc", "--grace-period=0s", code=0)
    assert kept_mounts(rkt) is None and tree_files(rkt) == []


def test_a_tree_that_is_made_again_is_mounted_again(rkt, image):
    pod = rkt.start(INSECURE, "run", "--net=none", f"--uuid-file-save={rkt.tmp}/uuid", image, "--exec=/bin/sleep", "--", "1000")
    wait_until(lambda: os.path.exists(f"{rkt.tmp}/uuid") and "pid=" in rkt("status", open(f"{rkt.tmp}/uuid").read()).out, "the pod to run")
    first = kept_mounts(rkt)
    victim = next(f for f in tree_files(rkt) if "/chain-" in f)
    os.utime(victim)
    second = runs(rkt, image)
    place = victim.removeprefix(f"{rkt.data}/cas/tree").removesuffix(".erofs")
    assert second.keys() == first.keys() and {p for p in first if first[p] != second[p]} == {place}
    assert rkt("enter", open(f"{rkt.tmp}/uuid").read(), "/bin/cat", "/upper", code=0).out == "top"  # on what it had
    rkt("stop", "--force", open(f"{rkt.tmp}/uuid").read(), code=0)
    pod.wait(30)


def test_what_an_administrator_unmounts_is_made_again(rkt, image):
    runs(rkt, image)
    subprocess.run(["umount", pin_of(rkt)], check=True)
    assert kept_mounts(rkt) is None
    assert len(runs(rkt, image)) == 3
    subprocess.run(["umount", "--lazy", "/run/rkt/trees"], check=True)
    assert kept_mounts(rkt) is None
    assert len(runs(rkt, image)) == 3
    subprocess.run(["umount", pin_of(rkt)], check=True)
    subprocess.run(["mount", "--bind", "/proc/self/ns/net", pin_of(rkt)], check=True)
    assert len(runs(rkt, image)) == 3
    rkt("gc", "--grace-period=0s", code=0)
    assert kept_mounts(rkt) is None


def test_a_data_directory_can_be_deleted(rkt, image, tmp_path, keys):
    runs(rkt, image)
    pin = pin_of(rkt)
    shutil.rmtree(rkt.data)
    assert os.path.exists(pin)
    os.symlink("/nowhere", "/run/rkt/trees/1")  # what somebody left there
    (tmp_path / "other").mkdir()
    other = Rkt(tmp_path / "other", keys)
    other.trees = rkt.trees
    assert len(runs(other, install(other, tmp_path / "other"))) == 3
    assert not os.path.exists(pin)
    os.unlink("/run/rkt/trees/1")
    other.close()


def test_nobody_waits_long_for_who_is_making_mounts(rkt, image):
    runs(rkt, image)
    lock = os.open(os.path.join(os.path.dirname(pin_of(rkt)), "." + os.path.basename(pin_of(rkt))), os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    rkt("gc", "--grace-period=0s", code=0)
    assert len(kept_mounts(rkt)) == 3
    subprocess.run(["umount", pin_of(rkt)], check=True)
    assert runs(rkt, image) is None  # mounts of its own
    os.close(lock)
    assert len(runs(rkt, image)) == 3


def test_a_start_leaves_its_own_mount_namespace_alone(rkt, image):
    argv = ["setpriv", "--bounding-set=-sys_chroot", "--inh-caps=-sys_chroot", *rkt.argv(INSECURE, "run", "--net=none", image)]
    for _ in range(2):
        assert subprocess.run(argv, env=rkt.env, capture_output=True, text=True, check=True).stdout == "top"  # cannot join another
        assert kept_mounts(rkt) is None or runs(rkt, image)
        runs(rkt, image)


def test_many_layers_need_few_descriptors(rkt, tmp_path):
    rkt.trees = ["--tree-backend=erofs"]
    image = install(rkt, tmp_path, layers=20)
    apps = [word for app in "abcd" for word in (image, f"--name={app}", "---")][:-1]
    for _ in range(2):
        p = subprocess.run(["prlimit", "--nofile=64", *rkt.argv(INSECURE, "run", "--net=none", *apps)], env=rkt.env, capture_output=True, text=True, check=False)
        assert p.returncode == 0 and p.stdout.count("top") == 4, p


def exchange(a, b):
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.renameat2(-100, a.encode(), -100, b.encode(), 2) == 0 or ctypes.get_errno() == errno.ENOENT


def make_other(here, there):
    """Another tree beside `here`, with a record of its own."""
    shutil.copytree(here, there, symlinks=True)
    with open(f"{there}/rootfs.erofs", "r+b") as f:
        text = f.read()
        f.seek(0)
        f.write(text.replace(b"top", b"TOP") if b"top" in text else text.replace(b"TOP", b"top"))
    st, ns = os.stat(f"{there}/rootfs.erofs"), lambda t: f"{t // 10**9}.{t % 10**9}"
    with open(f"{there}/digest", "r+") as f:
        digest = f.readline()
        f.truncate(0)
        f.seek(0)
        f.write(f"{digest}stat {st.st_size} {ns(st.st_mtime_ns)} {ns(st.st_ctime_ns)} {st.st_ino}\n")


def test_trees_that_are_exchanged_while_pods_start(rkt, image):
    """A layer is never missing, and what is kept at a name is the file of that name."""
    runs(rkt, image)
    rkt("gc", "--grace-period=0s", code=0)
    here = next(f for f in tree_files(rkt) if "/chain-" in f and os.path.getsize(f) < 100000).removesuffix("/rootfs.erofs")
    there = os.path.join(os.path.dirname(here), f".{os.path.basename(here)}.fresh-old")
    done = threading.Event()

    def flip():
        while not done.is_set():
            exchange(here, there)

    for _ in range(4):
        if not os.path.exists(there):  # also where a pod saw a file beside the record of the other, and made the tree again
            make_other(here, there)
        done.clear()
        thread = threading.Thread(target=flip)
        thread.start()
        try:
            starts = [rkt(INSECURE, "run", "--net=none", image) for _ in range(3)]
        finally:
            done.set()
            thread.join()
        for start in starts:
            assert start.out in ("top", "TOP") or "was replaced at this moment" in start.err, start
        with open(f"{here}/rootfs.erofs", "rb") as f:
            now = "top" if b"top" in f.read() else "TOP"
        assert rkt(INSECURE, "run", "--net=none", image, code=0).out == now
        rkt("gc", "--grace-period=0s", code=0)
