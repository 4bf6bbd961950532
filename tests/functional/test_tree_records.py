# SPDX-License-Identifier: Apache-2.0
"""Trees carry a record of what was rendered: what was changed on disk neither runs nor is given out, in either form of trees."""
import glob
import json
import os
import random
import signal
import subprocess

import pytest

from rktlib import entry, oci_layout, wait_until
from test_docker import base_layer

FORMS = {"dir": ["--tree-backend=dir"], "erofs": ["--tree-backend=erofs"]}
UNSIGNED = "--insecure-options=image"
UNCHECKED = "trees of images are used without looking"


@pytest.fixture
def image(rkt):
    rkt.trees = FORMS["dir"]
    return rkt.image(extra=[entry("rootfs/m", "Hello")], exec=["/bin/cat", "/m"])


def marked(rkt, name="m"):
    (path,) = glob.glob(f"{rkt.data}/cas/tree/[cd]*/rootfs/{name}")
    return path


def tamper(path):
    """The size and the time that a program can set are as before."""
    st = os.stat(path)
    with open(path, "r+b") as f:
        f.write(b"J")
    os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns))


def replaced(rkt):
    return [name for name in os.listdir(f"{rkt.data}/cas/tree") if name.endswith("-old")]


def warned(result):
    return result.err.count("was changed on disk, rendering it again")


def test_a_changed_directory_does_not_run(rkt, image):
    _, uuid = rkt.start_pod(image.name, "--exec=/bin/sleep", "--", "1000")
    tamper(marked(rkt))
    for option in ("ondisk", "all"):
        r = rkt(f"--insecure-options={option}", "run", "--net=none", image.name, code=0)
        assert r.out == "Jello" and not warned(r) and r.err.count(UNCHECKED) == 1, r
    r = rkt.run(image.name, code=0)
    assert r.out == "Hello" and warned(r) == 1 and ': "/m" is not what it was' in r.err and UNCHECKED not in r.err, r
    assert not warned(rkt.run(image.name, code=0))
    assert rkt("enter", uuid, "/bin/cat", "/m", code=0).out == "Jello"  # on what it had
    tamper(marked(rkt))
    r = rkt("prepare", image.name, code=0)
    assert warned(r) == 1
    os.unlink(marked(rkt))
    r = rkt("run-prepared", "--net=none", r.out.strip(), code=0)
    assert r.out == "Hello" and warned(r) == 1
    rkt("image", "gc", "--grace-period=0s", code=0)
    assert len(replaced(rkt)) == 3
    rkt("stop", uuid, code=0)
    wait_until(lambda: "state=exited" in rkt("status", uuid).out, "the end of the pod")
    rkt("gc", "--grace-period=0s", code=0)
    rkt("image", "gc", "--grace-period=0s", code=0)
    assert replaced(rkt) == []


def test_every_kind_of_change_is_found_and_no_record_is_none(rkt, image):
    def record():
        return os.path.dirname(os.path.dirname(marked(rkt))) + "/entries"
    for change in (lambda m: os.chmod(m, 0o600), os.utime, lambda m: os.link(m, m + "2"), lambda m: os.mkdir(m + "2"), lambda m: os.setxattr(m, "user.x", b"x"),
                   lambda m: os.unlink(record()), lambda m: open(record(), "ab").write(b"x")):
        change(marked(rkt))
        r = rkt.run(image.name, code=0)
        assert r.out == "Hello" and warned(r) == 1, r
    assert not warned(rkt.run(image.name, code=0))
    assert rkt("store", "check", code=0).out == ""


@pytest.mark.parametrize("flags", [("--no-overlay",), ("--private-users",)])
def test_neither_are_copies_made_of_it(rkt, image, flags):
    tamper(marked(rkt))
    r = rkt.run(*flags, image.name, code=0)
    assert r.out == "Hello" and warned(r) == 1


def test_render_and_extract_give_out_what_the_image_is(rkt, image, tmp_path):
    rkt(UNSIGNED, "fetch", f"oci:{oci_layout(tmp_path / 'oci', [base_layer() + [entry('o', 'Hello')], [entry('top', 'x')]], {'Cmd': ['/o']})}", code=0)
    key = next(i["id"] for i in json.loads(rkt("image", "list", "--format=json", code=0).out) if i["id"] != image.key)
    for command, name, file in (("render", image.name, "m"), ("extract", key, "o"), ("render", key, "o")):
        tamper(marked(rkt, file))
        out = tmp_path / f"{command}-{file}"
        r = rkt("--insecure-options=ondisk", "image", command, name, f"{out}-as-it-is", code=0)
        assert open(f"{out}-as-it-is/rootfs/{file}").read() == "Jello" and r.err.count(UNCHECKED) == 1 and not warned(r), r
        r = rkt("image", command, name, out, code=0)
        assert (out / "rootfs" / file).read_text() == "Hello" and warned(r) == 1, r


def put(path, kind):
    os.unlink(path)
    {"directory": os.mkdir, "fifo": os.mkfifo, "link": lambda p: os.symlink("/etc/passwd", p), "empty": lambda p: open(p, "w").close()}[kind](path)


@pytest.mark.parametrize("form", FORMS)
def test_what_is_no_note_is_mended(rkt, tmp_path, form):
    rkt.trees = FORMS[form]
    rkt(UNSIGNED, "fetch", f"oci:{oci_layout(tmp_path / 'oci', [base_layer()], {'Cmd': ['/bin/echo', 'fine'], 'Env': ['PATH=/bin']})}", code=0)
    key = json.loads(rkt("image", "list", "--format=json", code=0).out)[0]["id"]
    tree = os.path.dirname(glob.glob(f"{rkt.data}/cas/tree/chain-*/rootfs")[0])
    notes = sorted(name for name in os.listdir(tree) if name != "rootfs")
    assert notes == sorted(["lower", "rendered", "size"] + {"dir": ["entries"], "erofs": ["digest", "rootfs.erofs"]}[form])
    kinds = ["directory", "link", "fifo", "empty"]
    for n, note in enumerate(notes):
        if note == "lower":
            kinds.remove("empty")  # it is
        put(f"{tree}/{note}", kinds[n % len(kinds)])
        found = rkt("store", "check", "--repair", code=0).out.splitlines()
        assert len(found) == 1 and found[0].endswith("; rendered again"), (note, found)
    for kind in ("directory", "fifo"):
        put(f"{tree}/rendered", kind)
        r = rkt(UNSIGNED, "run", "--net=none", key, code=0)
        assert r.out == "fine\n" and warned(r) == 1
    assert rkt("store", "check", code=0).out == ""


ORDER = {"Cmd": ["/bin/cat", "/order"], "Env": ["PATH=/bin"]}


def lower_notes(rkt):
    """Those of a chain in the order of its layers."""
    return sorted(glob.glob(f"{rkt.data}/cas/tree/chain-*/lower"), key=os.path.getsize)


@pytest.mark.parametrize("form", FORMS)
def test_the_order_of_layers_is_looked_at(rkt, tmp_path, form):
    """Swapped, left out, or those of another image."""
    rkt.trees = FORMS[form]
    own, other = (oci_layout(tmp_path / name, [base_layer(), [entry("order", f"{name} 1")], [entry("order", f"{name} 2")], [entry(name, "x")]], ORDER)
                  for name in ("own", "other"))
    rkt(UNSIGNED, "fetch", f"oci:{own}", code=0)
    top = lower_notes(rkt)[-1]
    rkt(UNSIGNED, "fetch", f"oci:{other}", code=0)
    (foreign,) = [note for note in lower_notes(rkt)[-2:] if note != top]
    prepared = rkt(UNSIGNED, "prepare", "own", code=0).out.strip()
    right = open(top).read().splitlines()

    def say(lines):
        with open(top, "w") as f:
            f.writelines(f"{line}\n" for line in lines)
    swapped = [right[1], right[0], right[2]]
    for lines in (swapped, right[1:], [], open(foreign).read().splitlines(), ["chain-sha256-" + "0" * 64], ["/etc"]):
        say(lines)
        r = rkt(UNSIGNED, "run", "--net=none", "own", code=0)
        assert r.out == "own 2" and warned(r) == 1 and 'wrong note "lower"' in r.err, (lines, r)
        assert open(top).read().splitlines() == right and not warned(rkt(UNSIGNED, "run", "--net=none", "own", code=0))
    say(swapped)
    r = rkt("run-prepared", "--net=none", prepared, code=0)
    assert r.out == "own 2" and warned(r) == 1, r
    for lines in (swapped, ["/etc"]):
        say(lines)
        assert 'wrong note "lower"' in rkt("image", "verify", "own").out
    assert rkt("store", "check", code=0).out == ""


OTHER_THINGS = {"directory": os.mkdir, "link": lambda p: os.symlink(f"{os.path.dirname(os.path.dirname(p))}/victim", p), "fifo": os.mkfifo, "nothing": lambda p: None}


@pytest.mark.parametrize("kind", OTHER_THINGS)
def test_something_else_in_the_place_of_a_tree_file_or_its_mount_point(rkt, tmp_path, kind):
    """Is neither followed nor waited for: the tree is made again."""
    rkt.trees = FORMS["erofs"]
    rkt(UNSIGNED, "fetch", f"oci:{oci_layout(tmp_path / 'oci', [base_layer()], {'Cmd': ['/bin/echo', 'fine'], 'Env': ['PATH=/bin']})}", code=0)
    (file,) = glob.glob(f"{rkt.data}/cas/tree/chain-*/rootfs.erofs")
    victim = rkt.data / "cas" / "tree" / "victim"
    victim.mkdir()
    for place in (file, file.removesuffix(".erofs")):
        if kind == "directory" and place != file:
            continue  # as it should be
        os.unlink(place) if place == file else os.rmdir(place)
        OTHER_THINGS[kind](place)
        r = rkt("--insecure-options=image,ondisk", "run", "--net=none", "oci", code=254, timeout=60)
        assert os.path.basename(place) in r.complaints[-1], r
        r = rkt(UNSIGNED, "run", "--net=none", "oci", code=0)
        assert r.out == "fine\n" and warned(r) == 1, r
        r = rkt(UNSIGNED, "run", "--net=none", "oci", code=0)
        assert r.out == "fine\n" and not warned(r) and os.listdir(victim) == [], r


@pytest.mark.parametrize("kind", OTHER_THINGS)
@pytest.mark.parametrize("name", [".erofs", ".empty", ".places"])
def test_something_else_in_the_place_of_what_is_no_tree(rkt, tmp_path, name, kind):
    rkt.trees = []
    base = base_layer() + [entry("filler", os.urandom(5 << 20))]  # large enough to become a file
    rkt(UNSIGNED, "fetch", f"oci:{oci_layout(tmp_path / 'oci', [base], {'Cmd': ['/bin/ls', '/'], 'Env': ['PATH=/bin']})}", code=0)
    trees = rkt.data / "cas" / "tree"
    victim = rkt.data / "cas" / "victim"
    victim.write_text("as it was") if name == ".erofs" else victim.mkdir()
    place = trees / name
    subprocess.run(["rm", "-rf", place], check=True)
    OTHER_THINGS[kind](str(place))
    if kind == "directory":
        (place / "stranger").write_text("x")
    layer = base_layer() + [entry("filler", os.urandom(5 << 20))]
    rkt(UNSIGNED, "fetch", f"oci:{oci_layout(tmp_path / 'new', [layer], {'Cmd': ['/bin/ls', '/'], 'Env': ['PATH=/bin']})}", code=0)
    for image in ("oci", "new"):
        r = rkt(UNSIGNED, "run", "--net=none", image, code=0)
        assert "filler" in r.out and "stranger" not in r.out and not warned(r), r
        rkt(UNSIGNED, "image", "render", "--overwrite", image, tmp_path / "out", code=0)
        assert not (tmp_path / "out" / "rootfs" / "stranger").exists()
    rkt("gc", "--grace-period=0s", code=0)
    rkt("image", "gc", "--grace-period=0s", code=0)
    assert victim.read_text() == "as it was" if name == ".erofs" else os.listdir(victim) == []
    assert rkt("store", "check", code=0).out == ""


def test_many_at_once_make_it_again_once(rkt, image):
    tamper(marked(rkt))
    pods = [rkt.start("run", "--net=none", image.name, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)]
    ends = [pod.communicate(timeout=60) for pod in pods]
    assert [out for out, _ in ends] == [b"Hello"] * 4
    assert sum(err.count(b"was changed on disk") for _, err in ends) == 1 and len(replaced(rkt)) == 1


def test_killed_at_any_point_the_next_one_runs_what_the_image_is(rkt, image):
    """kill -9 of rkt while it compares and renders; RKT_SEED repeats a run."""
    rng = random.Random(os.environ.get("RKT_SEED", "records"))
    for _ in range(8):
        tamper(marked(rkt))
        process = subprocess.Popen(rkt.argv("prepare", image.name), env=rkt.env, cwd=rkt.tmp, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(rng.uniform(0.001, 0.03))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        # One way or the other: never neither tree.
        assert open(marked(rkt)).read() in ("Hello", "Jello")
    assert rkt.run(image.name, code=0).out == "Hello"
    assert rkt("store", "check", code=0).out == ""
    rkt("gc", "--grace-period=0s", "--expire-prepared=0s", code=0)
    rkt("image", "gc", "--grace-period=0s", code=0)
    assert [n for n in os.listdir(f"{rkt.data}/cas/tree") if n not in (".empty", ".erofs")] == []


def test_a_running_pod_of_an_older_rkt_can_be_reached(rkt):
    """Whose stage1 was rendered without a record. One that is changed is not executed."""
    rkt.image(exec=["/bin/sleep", "1000"])
    p, uuid = rkt.start_pod("example.com/busybox")
    (stage1,) = [os.path.dirname(f) for f in glob.glob(f"{rkt.data}/cas/tree/*/rootfs") if os.path.exists(f"{f}/enter")]
    os.chmod(f"{stage1}/rootfs/enter", 0o700)
    assert "was changed on disk; rkt image verify makes it again" in rkt("enter", uuid, "/bin/true", code=254).err
    os.unlink(f"{stage1}/entries")
    assert rkt("enter", uuid, "/bin/echo", "in", code=0).out == "in\n"
    rkt("stop", uuid, code=0)
    assert p.wait(20) == 0
