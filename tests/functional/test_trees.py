# SPDX-License-Identifier: Apache-2.0
"""Trees as one EROFS file a layer and as directories: the same to whoever looks, checked by somebody else's tools, gone when not used."""
import glob
import json
import os
import subprocess
import tarfile

import pytest

from rktlib import Rkt, busybox_rootfs, entry, manifest, oci_layout, write_aci
from test_docker import base_layer
from treecmp import compare

INSECURE = "--insecure-options=image,http"
FORMS = ["erofs", "dir"]
EROFS = "--tree-backend=erofs"
CAPABILITY = b"\x01\x00\x00\x02\x00\x04" + bytes(14)


def tree_files(rkt):
    return glob.glob(f"{rkt.data}/cas/tree/*/rootfs.erofs")


def check_files(rkt, expected):
    """Every tree is a file (or none is), and each is sound to the format's own checker and to fs-verity's."""
    files = tree_files(rkt)
    assert len(files) == expected
    for path in files:
        fsck = subprocess.run(["fsck.erofs", path], capture_output=True, text=True)
        assert fsck.returncode == 0, fsck
        digest = subprocess.run(["fsverity", "digest", "--compact", path], capture_output=True, text=True, check=True).stdout.strip()
        with open(os.path.join(os.path.dirname(path), "digest")) as f:
            assert f.read().split()[0] == "sha256:" + digest


def sparse(name, size, pieces):
    """A GNU sparse file of version 1.0: the map stands in front of the content."""
    blocks = "".join(f"{n}\n" for n in [len(pieces), *(x for offset, data in pieces for x in (offset, len(data)))]).encode()
    body = blocks + bytes(-len(blocks) % 512) + b"".join(data for _, data in pieces)
    info, body = entry(name, body)
    info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": name, "GNU.sparse.realsize": str(size)}
    return info, body


def everything():
    """Two layers that hold whatever a layer can."""
    lower = base_layer() + [
        entry("d", mode=0o2751, uid=70_000, gid=80_000, mtime=-1.5), entry("d/" + "n" * 255, "long name"), entry("d/empty", ""),
        entry("d/user", "x", mode=0o4755, uid=4_000_000_000, xattrs={"user.a": "1", "user.long": "v" * 2000}, mtime=13_569_465_600.25),
        entry("d/null", type=tarfile.CHRTYPE, dev=(1, 3), mode=0o666, uid=7), entry("d/disk", type=tarfile.BLKTYPE, dev=(259, 70_000), mode=0o640),
        entry("d/fifo", type=tarfile.FIFOTYPE, mode=0o600, gid=9), entry("d/link", link="x" * 1000), entry("d/hard", type=tarfile.LNKTYPE, link="d/user"),
        sparse("d/sparse", 1_000_000, [(0, b"begin"), (500_000, b"middle" * 1000)]), sparse("d/hole", 50_000, []),
        entry("many"), *(entry(f"many/file-{i:05}", str(i), mtime=i) for i in range(2000)),
        entry("gone"), entry("gone/x", "x"), entry("opaque"), entry("opaque/old", "old"), entry("replaced"), entry("replaced/x", "x"), entry("replaced", "a file now")]
    upper = [entry(".wh.gone", ""), entry("opaque/.wh..wh..opq", ""), entry("opaque/new", "new"), entry("d/from-below", type=tarfile.LNKTYPE, link="many/file-00007"),
             entry("d/twice", "first"), entry("d/twice", "second"), entry("many", mode=0o700, mtime=5, xattrs={"user.dir": "yes"}), entry("!before-dots", "x")]
    return [lower, upper]


@pytest.fixture
def other(rkt, tmp_path, keys):
    """A second installation beside `rkt`."""
    (tmp_path / "other").mkdir()
    engine = Rkt(tmp_path / "other", keys)
    yield engine
    engine.close()


@pytest.fixture
def image(tmp_path):
    config = {"Cmd": ["/bin/true"], "Env": ["PATH=/bin"]}
    return f"oci:{oci_layout(tmp_path / 'oci', everything(), config)}"


def render(rkt, ref, to, *flags):
    rkt(INSECURE, *flags, "fetch", ref, code=0)
    key = json.loads(rkt("image", "list", "--format=json", code=0).out)[0]["id"]
    rkt(*flags, "image", "render", "--rootfs-only", key, to, code=0)


def test_both_forms_hold_the_same(rkt, other, image, tmp_path):
    render(rkt, image, tmp_path / "erofs", "--tree-backend=erofs")
    render(other, image, tmp_path / "dir", "--tree-backend=dir")
    check_files(rkt, 2)
    check_files(other, 0)
    assert compare(str(tmp_path / "erofs"), str(tmp_path / "dir")) == []
    rendered = str(tmp_path / "erofs")
    assert os.stat(rendered + "/d/sparse").st_blocks < 100 and open(rendered + "/d/sparse", "rb").read(5) == b"begin"
    assert os.listdir(rendered + "/opaque") == ["new"] and not os.path.exists(rendered + "/gone")


def test_pods_see_the_same(rkt, other, image):
    script = ("cd /; find . -xdev -path ./proc -prune -o -path ./sys -prune -o -path ./dev -prune -o -print | sort | "
              "while read f; do stat -c '%n %f %u %g %h %Y %t %T' $f; done; cat d/user d/hard d/twice opaque/* many/file-01999; md5sum d/sparse d/hole; "
              "echo changed >>many/file-00001; cat many/file-00001; rm -r d; ls d 2>&1; mkdir d; ls d")
    outs = []
    for engine, form in ((rkt, "erofs"), (other, "dir")):
        r = engine(INSECURE, f"--tree-backend={form}", "run", "--net=none", image, "--exec=/bin/sh", "--", "-c", script, code=0)
        outs.append([line for line in r.out.splitlines() if not line.startswith((". ", "./etc ", "./etc/", "./opt", "./rkt", "./run"))])
    assert outs[0] == outs[1] and any(line.startswith("./d/user ") for line in outs[0])


def test_real_trees_equal_umocis(rkt, cache, tmp_path):
    render(rkt, f"oci:{cache}/oci:layers", tmp_path / "ours", "--tree-backend=erofs")
    check_files(rkt, 2)
    subprocess.run(["umoci", "unpack", "--image", f"{cache}/oci:layers", str(tmp_path / "theirs")], check=True, stderr=subprocess.DEVNULL)
    assert compare(str(tmp_path / "ours"), str(tmp_path / "theirs/rootfs")) == []


@pytest.mark.parametrize("form", FORMS)
def test_aci_chains(rkt, tmp_path, form):
    write_aci(tmp_path / "base.aci", manifest("example.com/base"), busybox_rootfs([entry("rootfs/both", "lower"), entry("rootfs/x", "x", mode=0o4711, uid=3)]))
    write_aci(tmp_path / "top.aci", manifest("example.com/top", exec=["/bin/sh", "-c", "cat /both; stat -c '%a %u' /x"],
                                             dependencies=[{"imageName": "example.com/base"}]), [entry("rootfs"), entry("rootfs/both", "upper")])
    rkt(INSECURE, f"--tree-backend={form}", "fetch", tmp_path / "base.aci", code=0)
    r = rkt(INSECURE, f"--tree-backend={form}", "run", "--net=none", tmp_path / "top.aci", code=0)
    assert r.out == "upper4711 3\n"
    check_files(rkt, 3 if form == "erofs" else 0)  # base, top, stage1


def test_a_layer_that_no_directory_could_hold_becomes_a_file_and_is_copied_with_fewer_links(rkt, tmp_path):
    links = [entry(f"l/{i}", type=tarfile.LNKTYPE, link="f") for i in range(66_000)]
    oci = oci_layout(tmp_path / "oci", [base_layer() + [entry("f", "x"), entry("l"), *links]],
                     {"Cmd": ["/bin/sh", "-c", "stat -c %h /f /l/65999; ls /l | wc -l"], "Env": ["PATH=/bin"]})
    assert rkt(INSECURE, "run", "--net=none", f"oci:{oci}", code=0).out == "66001\n66001\n66000\n"
    assert len([f for f in tree_files(rkt) if "/chain-" in f]) == 1, "small layers are directories otherwise"
    (key,) = (i["id"] for i in json.loads(rkt("image", "list", "--format=json").out) if "stage1" not in i["name"])
    rkt("image", "render", "--rootfs-only", key, tmp_path / "out", code=0)
    copies = {e.inode(): e.path for e in os.scandir(tmp_path / "out" / "l")}
    assert [open(path).read() for path in copies.values()] == ["x", "x"]


def test_extended_attributes_that_no_directory_could_hold_make_a_file(rkt, tmp_path):
    oci = oci_layout(tmp_path / "oci", [base_layer() + [entry("f", "x", xattrs={"user.long": "x" * 30_000})]], {"Cmd": ["/bin/cat", "/f"], "Env": ["PATH=/bin"]})
    assert rkt(INSECURE, "run", "--net=none", f"oci:{oci}", code=0).out == "x"
    assert len([f for f in tree_files(rkt) if "/chain-" in f]) == 1


def test_trees_of_the_other_form_are_used_as_they_are(rkt, image):
    rkt(INSECURE, "--tree-backend=dir", "fetch", image, code=0)
    key = json.loads(rkt("image", "list", "--format=json", code=0).out)[0]["id"]
    rkt(INSECURE, "--tree-backend=erofs", "run", "--net=none", key, code=0)
    check_files(rkt, 1)  # stage1's


def test_directories_replace_files_when_asked_for(rkt, image):
    rkt(INSECURE, "--tree-backend=erofs", "fetch", image, code=0)
    key = json.loads(rkt("image", "list", "--format=json", code=0).out)[0]["id"]
    check_files(rkt, 2)
    rkt(INSECURE, "--tree-backend=dir", "run", "--net=none", key, code=0)
    check_files(rkt, 0)


def test_a_changed_file_is_found_and_made_again(rkt, image):
    rkt(INSECURE, "--tree-backend=erofs", "fetch", image, code=0)
    key = json.loads(rkt("image", "list", "--format=json", code=0).out)[0]["id"]
    assert "successfully verified checksum" in rkt("image", "verify", key, code=0).out
    with open(tree_files(rkt)[0], "r+b") as f:
        f.seek(8192)
        f.write(b"tampered")
    assert "tree cache verification failed" in rkt("image", "verify", key, code=0).out
    assert "successfully verified checksum" in rkt("image", "verify", key, code=0).out
    check_files(rkt, 2)


def test_a_tree_that_was_touched_is_made_again_before_it_runs(rkt, image):
    rkt(INSECURE, "--tree-backend=erofs", "fetch", image, code=0)
    key = json.loads(rkt("image", "list", "--format=json", code=0).out)[0]["id"]
    lower = min(tree_files(rkt), key=lambda f: os.path.getsize(os.path.dirname(f) + "/lower"))  # not the top one
    with open(lower, "r+b") as f:
        f.seek(os.path.getsize(lower) // 2)
        f.write(b"tampered")
    quiet = rkt("--insecure-options=image,ondisk", EROFS, "run", "--net=none", key, code=0)
    assert "changed on disk" not in quiet.err
    r = rkt(INSECURE, EROFS, "run", "--net=none", key, code=0)
    assert r.err.count("was changed on disk, rendering it again") == 1, r
    assert "changed on disk" not in rkt(INSECURE, EROFS, "run", "--net=none", key, code=0).err
    check_files(rkt, 3)
    uuid = rkt(INSECURE, EROFS, "prepare", key, code=0).out.strip()
    os.utime(tree_files(rkt)[0])
    assert rkt(INSECURE, EROFS, "run-prepared", "--net=none", uuid, code=0).err.count("was changed on disk") == 1


def test_what_no_file_can_hold_becomes_directories(rkt, tmp_path):
    oci = oci_layout(tmp_path / "oci", [base_layer() + [sparse("huge", 5 << 30, [(0, b"x"), (4 << 30, b"y")])]],
                     {"Cmd": ["/bin/sh", "-c", "stat -c %s /huge"], "Env": ["PATH=/bin"]})
    r = rkt("--debug", INSECURE, "--tree-backend=erofs", "fetch", f"oci:{oci}", code=0)
    assert "becomes directories" in r.err
    check_files(rkt, 0)
    assert rkt(INSECURE, "run", "--net=none", f"oci:{oci}", code=0).out == f"{5 << 30}\n"


def test_removing_an_image_leaves_no_tree(rkt, image):
    rkt(INSECURE, EROFS, "fetch", image, code=0)
    assert tree_files(rkt)
    rkt("image", "gc", "--grace-period=0s", code=0)
    assert not [name for name in os.listdir(f"{rkt.data}/cas/tree") if not name.startswith(".e")]


def test_small_layers_are_directories_unless_asked_for(rkt, image, cache):
    rkt.trees = []  # RKT_TREES asks for one form
    rkt(INSECURE, "fetch", image, code=0)
    check_files(rkt, 0)
    rkt(INSECURE, "fetch", f"oci:{cache}/oci:debian", code=0)
    check_files(rkt, 1)


def test_the_form_is_a_word(rkt):
    assert "unknown form of trees" in rkt("--tree-backend=zip", "list", code=254).err
