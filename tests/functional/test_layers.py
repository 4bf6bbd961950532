# SPDX-License-Identifier: Apache-2.0
"""Layers that are unpacked two at a time, and while others are still on their way: the trees are those of one after the other."""
import hashlib
import json
import os
import signal
import tarfile
import threading

import pytest

from rktlib import entry, oci_layout, wait_until

INSECURE = "--insecure-options=image,http"
HARD = {"type": tarfile.LNKTYPE}


def layers():
    """Every layer after the first leaves parents out; some need what is below for more than attributes."""
    return [
        [entry("etc", mode=0o750, uid=5, mtime=77), entry("usr"), entry("usr/lib", mode=0o711), entry("lib", link="usr/lib"), entry("data"),
         entry("data/a", "a", uid=3, xattrs={"user.a": "1"}), entry("data/b", "b"), entry("opaque"), entry("opaque/old", "old"), entry("deep"),
         entry("deep/dir", mode=0o2711, uid=7, gid=8, mtime=5, xattrs={"user.d": "2"})],
        [entry("deep/dir/new", "new"), entry("data/hard", link="data/a", **HARD)],
        [entry("lib/so", "so"), entry("data/.wh.b", "")],
        [entry("opaque/.wh..wh..opq", ""), entry("opaque/new", "new"), entry("deep/dir/third", link="data/hard", **HARD)],
        [entry("etc/conf", "conf"), entry("lib/other", link="usr/lib/so", **HARD)],
        [entry(".", mode=0o711), entry("etc", mode=0o700), entry("etc/last", "last")]]


def asides(rkt):
    return [n for n in os.listdir(rkt.data / "cas/tree") if n.startswith(".") and n not in (".erofs", ".empty", ".places")]


def trees(rkt):
    tree = rkt.data / "cas/tree"
    return [n for n in os.listdir(tree) if not n.startswith(".")] if tree.exists() else []


def unpack_workers(parent=1):
    """Unpack workers of this parent; of 1: whose parent is gone."""
    out = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{pid}/exe").endswith("/libexec/rkt/unpack"):
                status = open(f"/proc/{pid}/status").read()
                if f"\nPPid:\t{parent}\n" in status and "\nState:\tZ" not in status:
                    out.append(pid)
        except OSError:
            pass
    return out


def check_trees(rkt):
    """`image verify` renders each tree alone, with those below it at hand, and compares all of it."""
    key = json.loads(rkt("image", "list", "--format=json", code=0).out)[0]["id"]
    assert "successfully verified" in rkt("image", "verify", key, code=0).out
    assert len(trees(rkt)) == len(layers()) and asides(rkt) == []


@pytest.mark.parametrize("form", ["erofs", "dir"])
def test_the_trees_are_those_of_one_after_the_other(rkt, tmp_path, form):
    oci = oci_layout(tmp_path / "oci", layers(), {"Cmd": ["/x"]})
    r = rkt("--debug", INSECURE, f"--tree-backend={form}", "fetch", f"oci:{oci}", code=0)
    assert r.err.count("has to wait for those below") == 1, r.err  # lib/so: a link on the way
    check_trees(rkt)
    key = json.loads(rkt("image", "list", "--format=json", code=0).out)[0]["id"]
    rkt("image", "render", "--rootfs-only", key, tmp_path / "out", code=0)
    out = str(tmp_path / "out")
    assert sorted(os.listdir(out + "/usr/lib")) == ["other", "so"] and os.listdir(out + "/opaque") == ["new"]
    assert sorted(os.listdir(out + "/deep/dir")) == ["new", "third"] and not os.path.exists(out + "/data/b")
    st = os.stat(out + "/deep/dir")
    assert (st.st_mode & 0o7777, st.st_uid, st.st_gid, os.getxattr(out + "/deep/dir", "user.d")) == (0o2711, 7, 8, b"2")
    assert os.stat(out + "/deep/dir/third").st_uid == 3 and os.stat(out + "/etc").st_mode & 0o7777 == 0o700


def lie(oci, wrong):
    """Other diff_ids for these layers."""
    def put(document):
        data = json.dumps(document).encode()
        digest = hashlib.sha256(data).hexdigest()
        with open(f"{oci}/blobs/sha256/{digest}", "wb") as f:
            f.write(data)
        return {"digest": "sha256:" + digest, "size": len(data)}

    def read(digest):
        with open(f"{oci}/blobs/sha256/{digest.split(':')[1]}") as f:
            return json.load(f)
    with open(f"{oci}/index.json") as f:
        index = json.load(f)
    image = read(index["manifests"][0]["digest"])
    config = read(image["config"]["digest"])
    for i in wrong:
        config["rootfs"]["diff_ids"][i] = "sha256:" + f"{i}" * 64
    image["config"].update(put(config))
    index["manifests"][0].update(put(image))
    with open(f"{oci}/index.json", "w") as f:
        json.dump(index, f)
    return oci


def test_of_two_layers_that_fail_the_lower_one_is_named_and_nothing_stays(rkt, tmp_path):
    oci = lie(oci_layout(tmp_path / "oci", layers(), {"Cmd": ["/x"]}), [2, 3])
    r = rkt(INSECURE, "fetch", f"oci:{oci}", code=254)
    assert "layer diff_id does not match: expected sha256:" + "2" * 64 in r.err and len(r.complaints) == 1, r.err
    assert "is not what the configuration of the image states" in r.err
    assert rkt("image", "list", "--format=json", code=0).out == "null\n" and not list((rkt.data / "cas/blobs").rglob("sha256-*"))
    assert len(trees(rkt)) == 2 and asides(rkt) == [] and unpack_workers() == []


class Served(dict):
    """A layout as a registry; `last`: called before the last layer is sent."""

    def __init__(self, oci, last):
        super().__init__()
        self.oci, self.last = oci, last
        with open(f"{oci}/index.json") as f:
            self.top = json.load(f)["manifests"][0]["digest"]
        self.end = json.loads(self.read(self.top))["layers"][-1]["digest"]

    def read(self, digest):
        with open(f"{self.oci}/blobs/sha256/{digest.split(':')[1]}", "rb") as f:
            return f.read()

    def answer(self, handler):
        if "/manifests/" in handler.path:
            return handler.reply(200, self.read(self.top), {"Content-Type": "application/vnd.oci.image.manifest.v1+json"}) or True
        digest = handler.path.split("/blobs/")[-1]
        data = self.read(digest) if ":" in digest else b"{}"
        if digest == self.end:
            data = self.last(data)
        return handler.reply(200, data) or True

    def get(self, path, default=None):
        return self.answer if path.startswith("/v2/") else default


def test_layers_are_unpacked_while_others_are_on_their_way(rkt, web, tmp_path):
    oci = oci_layout(tmp_path / "oci", layers(), {"Cmd": ["/x"]})
    ref, early = f"docker://{web.address}/t/x", []

    def when_all_others_are_trees(data):
        wait_until(lambda: len(trees(rkt)) == len(layers()) - 1, "trees of the layers that are there")
        early.append(True)
        return b"X" + data[1:]
    web.hooks = Served(oci, when_all_others_are_trees)
    r = rkt(INSECURE, "fetch", ref, code=254)
    assert early and web.hooks.end in r.err and len(r.complaints) == 1, r.err
    assert rkt("image", "list", "--format=json", code=0).out == "null\n"
    assert asides(rkt) == [] and unpack_workers() == []

    def killed(data):
        process.kill()
        return data
    web.hooks = Served(oci, killed)
    process = rkt.start(INSECURE, "fetch", ref)
    assert process.wait(timeout=20) == -9
    assert unpack_workers() == []
    web.hooks = Served(oci, lambda data: data)
    rkt(INSECURE, "fetch", ref, code=0)
    check_trees(rkt)


def test_a_place_that_fails_leaves_no_work_and_no_lock_while_the_next_is_asked(rkt, web, tmp_path):
    oci = oci_layout(tmp_path / "oci", [[entry("big", os.urandom(16 << 20))], [entry("x", "x")]], {"Cmd": ["/x"]}, how="tar")
    conf, left = tmp_path / ".config/containers/registries.conf", []
    conf.parent.mkdir(parents=True)
    place = f'location = "{web.address}/%s"\ninsecure = true\n'
    conf.write_text('[[registry]]\n' + place % "second" + '[[registry.mirror]]\n' + place % "first")

    def while_the_first_is_unpacked(data):
        for worker in wait_until(lambda: unpack_workers(process.pid), "a tree in the making"):
            os.kill(int(worker), signal.SIGSTOP)
        return b"X" + data[1:]

    def second(handler):
        left.append(asides(rkt))
        return handler.reply(404, b"") or True
    served = Served(oci, while_the_first_is_unpacked)
    web.hooks = type("Both", (), {"get": lambda self, path, default=None: second if "/second/" in path else served.get(path, default)})()
    process = rkt.start(INSECURE, "fetch", f"docker://{web.address}/second/x")
    assert process.wait(timeout=20) == 254 and unpack_workers() == []
    assert left and not any(left)


def test_the_bottom_of_an_image_is_asked_for_first(rkt, web, tmp_path):
    """Three at a time: what is unpacked first must not be what comes last."""
    oci = oci_layout(tmp_path / "image", [[entry(f"f{i}", str(i))] for i in range(9)], {"Cmd": ["/f0"]})
    served, asked, three = Served(oci, lambda data: data), [], threading.Event()
    layers = [layer["digest"] for layer in json.loads(served.read(served.top))["layers"]]

    def answered_when_three_are_on_their_way(handler):
        digest = handler.path.split("/")[-1]
        if digest in layers:
            asked.append(digest)
            if len(asked) == 3:
                three.set()
            assert three.wait(timeout=20)
        return served.answer(handler)
    web.hooks = type("Held", (), {"get": lambda self, path, default=None: answered_when_three_are_on_their_way if path.startswith("/v2/") else default})()
    rkt(INSECURE, "fetch", f"docker://{web.address}/team/ordered:1", code=0)
    assert set(asked) == set(layers) and set(asked[:3]) == set(layers[:3]), asked
