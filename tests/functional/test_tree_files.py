# SPDX-License-Identifier: Apache-2.0
"""Trees that are files, with everything else that uses trees: checks, mutable pods, private users, exports, kills. Nothing of them stays mounted."""
import json
import os
import random
import signal
import subprocess
import tarfile

import pytest

from rktlib import entry, oci_layout, wait_until
from test_docker import base_layer
from test_kept_mounts import kept_mounts, trees_of
from test_trees import INSECURE, tree_files

EROFS = "--tree-backend=erofs"


@pytest.fixture(autouse=True)
def nothing_is_left(rkt):
    """All trees are files, small ones too."""
    rkt.trees = [EROFS]
    yield
    with open("/proc/self/mountinfo") as f:
        assert f"{rkt.data}/cas/tree" not in f.read()


@pytest.fixture
def image(rkt, tmp_path):
    layers = [base_layer() + [entry("etc"), entry("etc/owned", "mine", uid=1000, gid=1001), entry("data"), entry("data/seed", "from the image")],
              [entry("upper", "top"), entry("data/more", "x"), entry("alias", type=tarfile.LNKTYPE, link="etc/owned")]]
    config = {"Cmd": ["/bin/sh", "-c", "stat -c '%u %g %h' /etc/owned /alias; cat /upper"], "Env": ["PATH=/bin"], "Volumes": {"/data": {}}}
    rkt(INSECURE, EROFS, "fetch", f"oci:{oci_layout(tmp_path / 'oci', layers, config)}", code=0)
    assert len(tree_files(rkt)) == 2
    return json.loads(rkt("image", "list", "--format=json", code=0).out)[0]["id"]


def lower_file(rkt):
    layers = [f for f in tree_files(rkt) if "/chain-" in f]
    return min(layers, key=lambda f: os.path.getsize(os.path.dirname(f) + "/lower"))


def check(rkt, *args, code):
    return rkt("store", "check", *args, code=code).out.splitlines()


EXPECTED = "1000 1001 2\n1000 1001 2\ntop"


def test_private_users_see_the_owners_of_the_image(rkt, image):
    r = rkt(INSECURE, "run", "--net=none", "--private-users", image, code=0)
    assert r.out == EXPECTED and "copies" not in r.err
    assert len(tree_files(rkt)) == 3  # stage1's too


@pytest.mark.parametrize("flags", [(), ("--private-users",)])
def test_without_an_overlay_a_file_is_copied(rkt, image, flags):
    assert rkt(INSECURE, "run", "--net=none", "--no-overlay", *flags, image, code=0).out == EXPECTED


def test_volumes_are_filled_from_the_file(rkt, image):
    r = rkt(INSECURE, "run", "--net=none", image, "--exec=/bin/sh", "--", "-c", "cat /data/seed; ls /data; echo more >/data/seed", code=0)
    assert r.out == "from the imagemore\nseed\n"
    assert rkt(INSECURE, "run", "--net=none", image, "--exec=/bin/cat", "--", "/data/seed", code=0).out == "from the image"


def test_a_missing_file_is_found_and_only_that_layer_is_made_again(rkt, image):
    lower = lower_file(rkt)
    others = {f: os.stat(f).st_ino for f in tree_files(rkt) if f != lower}
    os.unlink(lower)
    found = check(rkt, code=254)
    assert len(found) == 1 and "wrong names" in found[0] and lower.split("/")[-2] in found[0], found
    assert check(rkt, "--repair", code=0)[0].endswith("; rendered again")
    assert check(rkt, code=0) == []
    assert others == {f: os.stat(f).st_ino for f in others} and os.path.exists(lower)
    assert rkt(INSECURE, "run", "--net=none", image, code=0).out == EXPECTED


def test_a_missing_file_is_no_empty_layer(rkt, image):
    os.unlink(lower_file(rkt))
    r = rkt(INSECURE, "run", "--net=none", image, code=0)
    assert r.out == EXPECTED and "was changed on disk, rendering it again" in r.err
    os.unlink(lower_file(rkt))
    r = rkt("--insecure-options=image,ondisk", "run", "--net=none", image, code=254)
    assert "rootfs.erofs" in r.err, r


def test_one_flipped_bit_costs_one_layer(rkt, image):
    lower = lower_file(rkt)
    before = {f: os.stat(f).st_ino for f in tree_files(rkt)}
    with open(lower, "r+b") as f:
        f.seek(os.path.getsize(lower) // 2)
        byte = f.read(1)[0]
        f.seek(-1, os.SEEK_CUR)
        f.write(bytes([byte ^ 1]))
    found = check(rkt, "--repair", code=0)
    assert len(found) == 1 and "wrong contents of the tree's file" in found[0], found
    assert [f for f, inode in before.items() if os.stat(f).st_ino != inode] == [lower]
    assert check(rkt, code=0) == []


@pytest.mark.usefixtures("pinning")
def test_apps_come_and_go_on_files(rkt, image):
    pod = rkt.start(INSECURE, EROFS, "app", "sandbox", "--net=none", f"--uuid-file-save={rkt.tmp}/uuid")
    wait_until(lambda: os.path.exists(f"{rkt.tmp}/uuid") and "state=running" in rkt("status", open(f"{rkt.tmp}/uuid").read()).out, "the pod to run")
    uuid = open(f"{rkt.tmp}/uuid").read()
    wait_until(lambda: rkt(INSECURE, EROFS, "app", "add", uuid, image, "--name=one", "--exec=/bin/sleep", "--", "1000").code == 0, "the supervisor")
    rkt(INSECURE, EROFS, "app", "add", uuid, image, "--name=two", "--exec=/bin/sleep", "--", "1000", code=0)
    rkt("app", "start", uuid, "--app=one", code=0)
    assert rkt("enter", "--app=one", uuid, "/bin/cat", "/upper", code=0).out == "top"
    assert len(kept_mounts(rkt)) == 3  # two layers that both apps share, stage1
    for app in ("one", "two"):
        rkt("app", "rm", uuid, f"--app={app}", code=0)
    rkt("stop", uuid, code=0)
    pod.wait(30)
    rkt("gc", "--grace-period=0s", code=0)


@pytest.mark.usefixtures("pinning")
def test_pods_share_one_mount_a_file_and_gc_leaves_none(rkt, image):
    pods = [rkt.start(INSECURE, "run", "--net=none", f"--uuid-file-save={rkt.tmp}/uuid{n}", image, "--exec=/bin/sleep", "--", "1000") for n in range(3)]
    uuids = []
    for n in range(3):
        wait_until(lambda n=n: os.path.exists(f"{rkt.tmp}/uuid{n}"), "a UUID")
        uuids.append(open(f"{rkt.tmp}/uuid{n}").read())
        wait_until(lambda n=n: "pid=" in rkt("status", uuids[n]).out, "a pod to run")
    kept = kept_mounts(rkt)
    assert len(kept) == 3 and [trees_of(pod) for pod in pods] == [{f"{rkt.data}/cas/tree{place}": device for place, device in kept.items()}] * 3
    assert rkt("enter", uuids[0], "/bin/cat", "/upper", code=0).out == "top"
    rkt("image", "rm", image, code=0)  # what pods use stays
    rkt("image", "gc", "--grace-period=0s", code=0)
    assert rkt("enter", uuids[1], "/bin/cat", "/etc/owned", code=0).out == "mine"
    rkt("stop", "--force", *uuids, code=0)
    for pod in pods:
        pod.wait(30)
    rkt("gc", "--grace-period=0s", code=0)
    assert kept_mounts(rkt) is None
    rkt("image", "gc", "--grace-period=0s", code=0)
    assert tree_files(rkt) == []


def test_an_exited_pod_is_exported_from_files(rkt, image, tmp_path):
    rkt(INSECURE, "run", "--net=none", f"--uuid-file-save={rkt.tmp}/uuid", image, "--exec=/bin/sh", "--", "-c", "rm /upper; echo new >/new", code=0)
    rkt("export", open(f"{rkt.tmp}/uuid").read(), tmp_path / "out.aci", code=0)
    with tarfile.open(tmp_path / "out.aci") as tar:
        names = tar.getnames()
        owned = tar.getmember("rootfs/etc/owned")
    assert "rootfs/new" in names and "rootfs/upper" not in names and (owned.uid, owned.gid) == (1000, 1001)


def test_a_tree_of_an_older_store_is_used_beside_files(rkt, tmp_path):
    base = base_layer()
    lower = oci_layout(tmp_path / "lower", [base], {"Cmd": ["/bin/true"]})
    upper = oci_layout(tmp_path / "upper", [base, [entry("upper", "top")]], {"Cmd": ["/bin/cat", "/upper"], "Env": ["PATH=/bin"]})
    rkt(INSECURE, "--tree-backend=dir", "fetch", f"oci:{lower}", code=0)
    rkt(INSECURE, EROFS, "fetch", f"oci:{upper}", code=0)
    assert len(tree_files(rkt)) == 1 and len([d for d in os.listdir(f"{rkt.data}/cas/tree") if d.startswith("chain")]) == 2
    for flags in ((), ("--private-users",), ("--no-overlay",)):
        assert rkt(INSECURE, "run", "--net=none", *flags, f"oci:{upper}", code=0).out == "top"
    assert check(rkt, code=0) == []


def test_killed_at_any_point_nothing_stays(rkt, image):
    """kill -9 of rkt while it renders, mounts or copies; RKT_SEED repeats a run."""
    rng = random.Random(os.environ.get("RKT_SEED", "files"))
    commands = [("image", "verify", image), ("run", "--net=none", image), ("image", "render", "--overwrite", image, f"{rkt.tmp}/out"),
                ("run", "--net=none", "--private-users", image), ("store", "check")]
    for round_ in range(15):
        process = subprocess.Popen(rkt.argv(INSECURE, EROFS, *commands[round_ % len(commands)]), env=rkt.env, cwd=rkt.tmp,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            process.wait(rng.uniform(0.001, 0.06))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
    rkt("gc", "--grace-period=0s", "--expire-prepared=0s")
    assert rkt(INSECURE, "run", "--net=none", image, code=0).out == EXPECTED
    rkt("gc", "--grace-period=0s", code=0)
    rkt("image", "gc", "--grace-period=0s", code=0)
    assert [n for n in os.listdir(f"{rkt.data}/cas/tree") if n not in (".empty", ".erofs")] == []
