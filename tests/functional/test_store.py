# SPDX-License-Identifier: Apache-2.0
"""The store as a whole: check and repair, collection that frees bytes, schema versions, many processes and kills."""
import hashlib
import json
import os
import random
import signal
import sqlite3
import subprocess

import pytest

from rktlib import entry, oci_layout, wait_until
from test_docker import INSECURE, base_layer

MARK = b"a file that nobody else has, " + hashlib.sha256(b"store").hexdigest().encode()


def flip(path, at=None):
    """One bit."""
    size = os.path.getsize(path)
    at = size // 2 if at is None else at
    with open(path, "r+b") as f:
        f.seek(at)
        byte = f.read(1)[0]
        f.seek(at)
        f.write(bytes([byte ^ 0x10]))


def blobs(rkt):
    return {f.name: f for f in (rkt.data / "cas" / "blobs").rglob("sha*-*") if f.is_file()}


def flip_in_trees(rkt):
    """The marked file, wherever a tree keeps it."""
    for f in (rkt.data / "cas" / "tree").rglob("*"):
        if f.is_file() and not f.is_symlink():
            at = f.read_bytes().find(MARK)
            if at >= 0:
                flip(f, at + 3)
                return f
    raise AssertionError("no tree holds the marked file")


def check(rkt, *args, code):
    r = rkt("store", "check", *args, code=code)
    return r.out.splitlines()


def keys_in_store(rkt):
    return {i["id"] for i in json.loads(rkt("image", "list", "--format=json", code=0).out) or []}


@pytest.fixture
def aci_url(rkt, web):
    aci = rkt.aci(key="builder", extra=[entry("rootfs/marked", MARK)], exec=["/bin/cat", "/marked"])
    url = web.put(aci.path, "x.aci")
    rkt.trust("builder", aci.name)
    rkt("fetch", url, code=0)
    aci.url = url
    return aci


@pytest.fixture
def docker_ref(rkt, registry, tmp_path):
    layers = [base_layer(), [entry("marked", MARK), entry("blob", os.urandom(1 << 20))]]
    ref = registry.push(f"oci:{oci_layout(tmp_path / 'oci', layers, {'Cmd': ['/bin/cat', '/marked'], 'Env': ['PATH=/bin']})}:latest", "t/x")
    rkt(INSECURE, "fetch", ref, code=0)
    return ref


# ------------------------------------------------------------------------------------------------------------------ check

def test_a_good_store_is_clean(rkt, aci_url, docker_ref):
    assert check(rkt, code=0) == []
    r = json.loads(rkt("store", "check", "--format=json", code=0).out)
    assert r == {"images": 2, "blobs": 5, "trees": 3, "findings": []}


def test_an_empty_store_is_clean(rkt):
    assert check(rkt, "--repair", code=0) == []


def test_store_alone_shows_its_commands(rkt):
    r = rkt("store", code=0)
    assert "rkt store [command]" in r.out and "store check" in r.out


def test_a_flipped_bit_in_every_blob_is_found_and_only_that_blob_is_fetched(rkt, docker_ref, registry):
    for name, path in sorted(blobs(rkt).items()):
        before = len(registry.blob_gets())
        flip(path)
        found = check(rkt, code=254)
        assert len(found) == 1 and found[0].startswith(f"blob {name}: "), found
        assert check(rkt, code=254) == found, "looking changes nothing"
        found = check(rkt, INSECURE, "--repair", code=0)
        assert len(found) == 1 and "fetched again from " + docker_ref in found[0], found
        assert check(rkt, code=0) == []
        gets = [line.split("/blobs/sha256:")[1][:64] for line in registry.blob_gets()[before:]]
        layers = [g for g in gets if os.path.getsize(blobs(rkt)["sha256-" + g]) > 4096]
        assert layers in ([], [name[7:]]), "another layer was fetched"
    assert rkt(INSECURE, "run", "--net=none", docker_ref, code=0).out.encode() == MARK


def test_a_missing_blob_is_fetched_again(rkt, docker_ref):
    for name, path in sorted(blobs(rkt).items()):
        path.unlink()
        found = check(rkt, code=254)
        assert found == [f"blob {name}: missing"]
        check(rkt, INSECURE, "--repair", code=0)
        assert check(rkt, code=0) == []


def test_a_damaged_aci_is_fetched_again_from_its_url(rkt, aci_url):
    (path,) = blobs(rkt).values()
    before = path.read_bytes()
    flip(path)
    assert check(rkt, code=254)[0].startswith(f"blob {aci_url.id}: ")
    found = check(rkt, "--repair", code=0)
    assert f"fetched again from {aci_url.url}" in found[0]
    assert path.read_bytes() == before and check(rkt, code=0) == []
    assert rkt.run(aci_url.name, code=0).out.encode() == MARK


def test_another_image_at_the_url_does_not_take_its_place(rkt, web, aci_url):
    other = rkt.aci(key="builder", file="other.aci", exec=["/bin/true"])
    web.put(other.path, "x.aci")
    (path,) = blobs(rkt).values()
    flip(path)
    found = check(rkt, "--repair", code=0)
    assert "there is another image at" in found[0] and f"removed image \"{aci_url.name}\" ({aci_url.key})" in found[0]
    assert blobs(rkt) == {} and keys_in_store(rkt) == set()
    assert check(rkt, code=0) == []
    rkt("fetch", aci_url.path, code=0)
    assert rkt.run(aci_url.name, code=0).out.encode() == MARK


def test_an_image_from_a_file_is_removed_and_said_so(rkt):
    aci = rkt.image()
    (path,) = blobs(rkt).values()
    path.write_bytes(b"")
    found = check(rkt, "--repair", "--format=json", code=0)
    (finding,) = json.loads("\n".join(found))["findings"]
    assert finding["kind"] == "blob" and finding["id"] == aci.id and finding["repaired"]
    assert finding["repair"].startswith("cannot be fetched again (nobody knows where it came from): removed image")
    assert keys_in_store(rkt) == set()


def test_a_shared_layer_is_mended_once_for_all_its_images(rkt, registry, tmp_path):
    base = base_layer([entry("rootfs/big", os.urandom(1 << 20))])
    refs = []
    for n in range(3):
        oci = oci_layout(tmp_path / f"oci{n}", [base, [entry(f"own{n}", os.urandom(100))]], {"Cmd": ["/bin/true"]})
        refs.append(registry.push(f"oci:{oci}:latest", f"t/x{n}"))
    for ref in refs:
        rkt(INSECURE, "fetch", ref, code=0)
    flip(max(blobs(rkt).values(), key=os.path.getsize))
    assert len(check(rkt, INSECURE, "--repair", code=0)) == 1
    assert check(rkt, code=0) == [] and len(keys_in_store(rkt)) == 3


@pytest.mark.parametrize("kind", ["aci", "docker"])
def test_a_flipped_bit_in_a_tree_is_found_and_rendered_again(rkt, request, kind):
    image = request.getfixturevalue("aci_url" if kind == "aci" else "docker_ref")
    flip_in_trees(rkt)
    found = check(rkt, code=254)
    assert len(found) == 1 and found[0].startswith("tree ") and ("marked" in found[0] or "of the tree's file" in found[0]), found
    found = check(rkt, "--repair", code=0)
    assert found[0].endswith("; rendered again")
    assert check(rkt, code=0) == []
    assert rkt(INSECURE, "run", "--net=none", image if kind == "docker" else image.name, code=0).out.encode() == MARK


def test_pods_go_on_while_their_damaged_tree_is_replaced(rkt):
    aci = rkt.image(extra=[entry("rootfs/marked", MARK), entry("rootfs/other", "other")], exec=["/bin/sleep", "1000"])
    _, uuid = rkt.start_pod(aci.name)
    flip_in_trees(rkt)
    assert len(check(rkt, "--repair", code=0)) == 1
    assert rkt("enter", uuid, "/bin/cat", "/other", code=0).out == "other"
    assert rkt("enter", uuid, "/bin/ls", "/bin/busybox", code=0).out == "/bin/busybox\n"
    rkt("image", "gc", "--grace-period=0s", code=0)
    assert rkt("enter", uuid, "/bin/cat", "/other", code=0).out == "other"
    rkt("stop", "--force", uuid, code=0)
    rkt("status", "--wait=30s", uuid)
    rkt("gc", "--grace-period=0s", code=0)
    rkt("image", "gc", "--grace-period=0s", code=0)
    assert [f.name for f in (rkt.data / "cas" / "tree").iterdir() if f.name != ".empty"] == []


def test_rows_that_lie_are_written_again_from_their_blobs(rkt, docker_ref, aci_url):
    db = sqlite3.connect(rkt.data / "cas" / "index.db")
    db.execute("UPDATE image SET name='example.com/evil', manifest=replace(manifest, '/marked', '/etc/passwd')")
    db.execute("INSERT INTO remote VALUES('https://example.com/gone.aci','','','',?,0,0)", ("sha512-" + "0" * 64,))
    db.commit()
    db.close()
    found = check(rkt, code=254)
    assert [line.split(" ")[0] for line in found] == ["image", "image", "remote"], found
    check(rkt, "--repair", code=0)
    assert check(rkt, code=0) == []
    assert rkt.run(aci_url.name, code=0).out.encode() == MARK


def test_rows_that_cannot_be_read_are_removed(rkt):
    aci = rkt.image()
    db = sqlite3.connect(rkt.data / "cas" / "index.db")
    db.execute("UPDATE image SET blobs='../../etc/passwd'")
    db.commit()
    db.close()
    assert check(rkt, code=254)[0] == f"image {aci.key}: row cannot be read"
    check(rkt, "--repair", code=0)
    assert check(rkt, code=0) == []


def test_strays_are_found(rkt, aci_url):
    (path,) = blobs(rkt).values()
    (path.parent / "note").write_text("x")
    (rkt.data / "cas" / "blobs" / "sha512" / ("sha512-" + "1" * 128)).write_text("x")
    orphan = rkt.data / "cas" / "blobs" / "sha256" / "11" / ("sha256-" + "1" * 64)
    orphan.parent.mkdir(parents=True)
    orphan.write_text("x")
    (rkt.data / "cas" / "tree" / "mine").mkdir()
    found = check(rkt, code=254)
    assert sorted(line.split(" ")[0] for line in found) == ["blob", "stray", "stray", "stray"], found
    check(rkt, "--repair", code=0)
    assert check(rkt, code=0) == [] and list(blobs(rkt)) == [path.name]


def test_check_needs_root_and_takes_no_arguments(rkt):
    assert rkt("store", "check", "x", code=254).out.startswith("NAME:\n\tstore check")
    r = subprocess.run(rkt.argv("store", "check"), capture_output=True, text=True, user=65534, group=65534, extra_groups=[])
    assert r.returncode == 254 and "cannot run as unprivileged user" in r.stderr


@pytest.mark.slow
def test_any_bit_anywhere_is_found(rkt, docker_ref):
    """Random bits of random blobs and tree files; seeds are printed by the assertion."""
    seed = int(os.environ.get("RKT_SEED", random.randrange(1 << 30)))
    rng = random.Random(seed)
    files = [f for where in ("blobs", "tree") for f in sorted((rkt.data / "cas" / where).rglob("*"))
             if f.is_file() and not f.is_symlink() and f.stat().st_size > 0 and f.name not in ("rendered", ".erofs")]
    for _ in range(12):
        path = rng.choice(files)
        size = path.stat().st_size
        at, bit = rng.randrange(size), 1 << rng.randrange(8)
        with open(path, "r+b") as f:
            f.seek(at)
            byte = f.read(1)[0]
            f.seek(at)
            f.write(bytes([byte ^ bit]))
        found = check(rkt, code=254)
        assert len(found) >= 1, (seed, path, at)
        with open(path, "r+b") as f:
            f.seek(at)
            f.write(bytes([byte]))
        if "tree" in path.parts:  # its times changed
            check(rkt, "--repair", code=0)
    assert check(rkt, code=0) == [], seed


# -------------------------------------------------------------------------------------------------------------- collection

def taken(rkt):
    """Blocks of everything below cas, the index aside."""
    return sum(f.lstat().st_blocks * 512 for f in (rkt.data / "cas").rglob("*") if not f.name.startswith("index.db"))


def many_images(rkt, n, size=1 << 20):
    out = []
    for i in range(n):
        aci = rkt.aci(f"example.com/i{i}", key="builder", how="tar", entries=[entry("rootfs"), entry("rootfs/data", os.urandom(size))])
        rkt.trust("builder", aci.name)
        rkt("fetch", aci.path, code=0)
        out.append(aci)
    return out


def test_gc_unused_removes_what_no_pod_refers_to(rkt):
    used = rkt.image("example.com/used", exec=["/bin/true"])
    base = rkt.image("example.com/base")
    top = rkt.aci("example.com/top", key="builder", entries=[entry("rootfs"), entry("rootfs/x", "x")], exec=["/bin/true"],
                  dependencies=[{"imageName": "example.com/base", "imageID": base.id}])
    rkt.trust("builder", "example.com/top")
    rkt("fetch", top.path, code=0)
    unused = rkt.image("example.com/unused")
    rkt("prepare", used.name, code=0)
    rkt("prepare", top.name, code=0)
    before = taken(rkt)
    r = rkt("image", "gc", "--unused", code=0)
    assert f'successfully removed aci for image: "{unused.key}"\n' in r.out and "1 image(s) successfully removed" in r.err
    assert {used.key, base.key, top.key} <= keys_in_store(rkt) and unused.key not in keys_in_store(rkt)
    assert any(i["name"].startswith("coreos.com/rkt/stage1-native") for i in json.loads(rkt("image", "list", "--format=json").out))
    freed = int(r.err.split("freed ")[1].split("(")[1].split(" ")[0])
    assert freed > 0 and abs(before - taken(rkt) - freed) < 65536, (before, taken(rkt), r.err)


def test_gc_by_size_removes_the_least_recently_used_first(rkt):
    acis = many_images(rkt, 5)
    for order in (3, 0, 4, 1, 2):  # uses: 3 is the oldest
        os.utime(blobs(rkt)[acis[order].id], (1_900_000_000 + [3, 0, 4, 1, 2].index(order),) * 2)
    r = rkt("image", "gc", "--max-size=3.5MiB", code=0)
    assert [acis[i].key for i in (3, 0)] == [line.split('"')[1] for line in r.out.splitlines()]
    assert taken(rkt) <= 3.5 * (1 << 20)
    assert "freed " in r.err
    rkt("image", "gc", "--max-size=100GiB", code=0)
    assert len(keys_in_store(rkt)) == 3
    rkt("image", "gc", "--max-size=0", code=0)
    assert keys_in_store(rkt) == set() and blobs(rkt) == {}
    assert "invalid argument" in rkt("image", "gc", "--max-size=many", code=254).err


def test_gc_by_size_spares_what_pods_use_and_says_so(rkt):
    used = rkt.image("example.com/used", extra=[entry("rootfs/data", os.urandom(1 << 20))], exec=["/bin/true"])
    many_images(rkt, 1)
    rkt("prepare", used.name, code=0)
    r = rkt("image", "gc", "--max-size=1KiB", code=0)
    assert used.key in keys_in_store(rkt) and "example.com/i0" not in rkt("image", "list").out
    assert "the store still takes" in r.err


def test_gc_leaves_layers_to_the_next_time_while_somebody_fetches(rkt, web):
    many_images(rkt, 1)
    slow = rkt.aci("example.com/slow", key="builder", how="tar", extra=[entry("rootfs/x", os.urandom(1 << 20))])
    url = web.put(slow.path, "slow.aci")
    rkt.trust("builder", slow.name)

    def stall(h):
        h.send_response(200)
        h.send_header("Content-Length", "99999999")
        h.end_headers()
        h.wfile.write(b"x" * 1000)
        h.wfile.flush()
        h.connection.recv(1)
        return True
    web.hooks["/slow.aci"] = stall
    p = rkt.start("fetch", url)
    wait_until(lambda: web.gets("/slow.aci"), "the download to begin")
    r = rkt("image", "gc", "--grace-period=0s", code=0)
    assert "layers of removed images stay" in r.err and len(blobs(rkt)) == 1
    p.send_signal(signal.SIGKILL)
    p.wait()
    wait_until(lambda: rkt("image", "gc", "--grace-period=0s", code=0) and blobs(rkt) == {}, "the blob to be collected")


# ------------------------------------------------------------------------------------------------------------------ schema

V1 = """
CREATE TABLE image(
  key TEXT PRIMARY KEY, kind INTEGER NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL, manifest TEXT NOT NULL,
  blobs TEXT NOT NULL, chain TEXT NOT NULL, signed_by TEXT NOT NULL,
  imported INTEGER NOT NULL, last_used INTEGER NOT NULL,
  latest INTEGER NOT NULL, size INTEGER NOT NULL, tree_size INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX image_name ON image(name);
CREATE TABLE remote(
  url TEXT PRIMARY KEY, sig_url TEXT NOT NULL, etag TEXT NOT NULL, last_modified TEXT NOT NULL,
  key TEXT NOT NULL, max_age INTEGER NOT NULL, downloaded INTEGER NOT NULL) WITHOUT ROWID;
PRAGMA user_version=1;
"""


def make_version_1(rkt, extra=0):
    """The index that is there, as version 1 of the engine wrote it; `extra` rows make the upgrade take a while."""
    path = rkt.data / "cas" / "index.db"
    new = sqlite3.connect(path)
    images, remotes = list(new.execute("SELECT * FROM image")), list(new.execute("SELECT * FROM remote"))
    new.close()
    for f in path.parent.glob("index.db*"):
        f.unlink()
    old = sqlite3.connect(path)
    old.execute("PRAGMA journal_mode=WAL")
    old.executescript(V1)
    old.executemany(f"INSERT INTO image VALUES({','.join('?' * 13)})", [row[:13] for row in images])
    old.executemany("INSERT INTO remote VALUES(?,?,?,?,?,?,?)", remotes)
    key = images[0][0]
    old.executemany("INSERT INTO remote VALUES(?,'','','',?,0,0)", ((f"https://u:s3cret@example.com/{i}.aci", key) for i in range(extra)))
    old.commit()
    old.close()


def version(rkt):
    db = sqlite3.connect(rkt.data / "cas" / "index.db")
    try:
        return db.execute("PRAGMA user_version").fetchone()[0]
    finally:
        db.close()


def test_a_version_1_store_is_upgraded_and_used(rkt, aci_url):
    make_version_1(rkt)
    assert keys_in_store(rkt) == {aci_url.key} and version(rkt) > 1
    assert rkt.run(aci_url.name, code=0).out.encode() == MARK
    assert check(rkt, code=0) == []
    backup = sqlite3.connect(rkt.data / "cas" / "index.db.v1")
    assert backup.execute("PRAGMA user_version").fetchone()[0] == 1
    assert backup.execute("SELECT count(*) FROM image").fetchone()[0] == 1
    backup.close()


def test_a_kill_during_the_upgrade_leaves_a_usable_store(rkt, aci_url):
    rng = random.Random(7)
    for _ in range(12):
        make_version_1(rkt, extra=6000)
        p = rkt.start("image", "list", stdout=subprocess.DEVNULL)
        try:
            p.wait(rng.uniform(0, 0.25))
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()
        assert keys_in_store(rkt) == {aci_url.key} and version(rkt) > 1
        db = sqlite3.connect(rkt.data / "cas" / "index.db")
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("SELECT count(*), sum(url LIKE '%@%') FROM remote").fetchone() == (6001, 0)
        db.execute("DELETE FROM remote WHERE url LIKE 'https://example.com/%'")
        db.commit()
        db.close()


def test_the_upgrade_waits_for_others_and_is_done_once(rkt, aci_url):
    make_version_1(rkt, extra=5000)
    procs = [rkt.start("image", "list", "--format=json") for _ in range(16)]
    outs = [p.communicate(timeout=60) for p in procs]
    assert [p.returncode for p in procs] == [0] * 16, outs
    assert {json.loads(o[0])[0]["id"] for o in outs} == {aci_url.key}


def test_a_newer_store_is_refused(rkt, aci_url):
    current = version(rkt)
    db = sqlite3.connect(rkt.data / "cas" / "index.db")
    db.execute("PRAGMA user_version=99")
    db.close()
    r = rkt("image", "list", code=254)
    assert "current store db version: 99 (greater than the current rkt expected version: " in r.err
    db = sqlite3.connect(rkt.data / "cas" / "index.db")
    db.execute(f"PRAGMA user_version={current}")
    db.close()


def test_only_root_upgrades(rkt, aci_url):
    make_version_1(rkt)
    before = {d: d.stat().st_mode & 0o7777 for d in (rkt.data, rkt.data / "cas")}
    for d in before:
        os.chmod(d, 0o777)
    for f in (rkt.data / "cas").glob("index.db*"):
        os.chmod(f, 0o666)
    path = rkt.data
    parents = [p for p in path.parents if p != p.parent and not p.stat().st_mode & 0o001]
    for p in parents:
        os.chmod(p, 0o711)
    try:
        r = subprocess.run(rkt.argv("image", "list"), capture_output=True, text=True, user=65534, group=65534, extra_groups=[])
        assert r.returncode == 254
        assert "database schema needs to be updated, re-run as root to perform the update" in r.stderr
    finally:
        for p in parents:
            os.chmod(p, 0o700)
    for d, mode in before.items():  # root uses none that others can write to
        os.chmod(d, mode)
    assert keys_in_store(rkt) == {aci_url.key}


# ------------------------------------------------------------------------------------------------------------ many and kills

@pytest.mark.slow
def test_64_processes_8_images_sharing_layers_and_kills(rkt, registry, tmp_path):
    seed = int(os.environ.get("RKT_SEED", random.randrange(1 << 30)))
    rng = random.Random(seed)
    base = base_layer([entry("rootfs/base", os.urandom(2 << 20))])
    shared = [[entry(f"shared{i}", os.urandom(1 << 20))] for i in range(3)]
    refs = []
    for n in range(8):
        layers = [base, shared[n % 3], shared[(n + 1) % 3], [entry(f"own{n}", os.urandom(300_000))]]
        oci = oci_layout(tmp_path / f"oci{n}", layers, {"Cmd": ["/bin/true"]})
        refs.append(registry.push(f"oci:{oci}:latest", f"t/x{n}"))
    before = len(registry.blob_gets())
    procs = [rkt.start(INSECURE, "fetch", "--pull-policy=new", refs[n % 8], stdout=subprocess.DEVNULL,
                       stderr=open(tmp_path / f"err{n}", "wb")) for n in range(64)]
    victims = rng.sample(procs, 12)
    for p in victims:
        try:
            p.wait(rng.uniform(0, 0.4))
        except subprocess.TimeoutExpired:
            p.send_signal(signal.SIGKILL)
    kills = 0
    for n, p in enumerate(procs):
        p.wait(timeout=300)
        if p in victims and p.returncode == -signal.SIGKILL:
            kills += 1
        else:
            assert p.returncode == 0, (seed, n, (tmp_path / f"err{n}").read_text()[-400:])
    digests = [line.split("/blobs/sha256:")[1][:64] for line in registry.blob_gets()[before:]]
    layers = {d for d in digests if ("sha256-" + d) in blobs(rkt) and blobs(rkt)["sha256-" + d].stat().st_size > 10_000}
    assert len(layers) == 12, seed
    for d in layers:
        assert digests.count(d) <= 1 + kills, (seed, d, digests.count(d), kills)
    for ref in refs:
        rkt(INSECURE, "fetch", "--pull-policy=new", ref, code=0)
    assert check(rkt, code=0) == [], seed
