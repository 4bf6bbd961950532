# SPDX-License-Identifier: Apache-2.0
"""The `image` commands: list with filters and sorting, cat-manifest, export, extract, render, verify, rm, import; texts and exit statuses
as the reference's."""
import fcntl
import hashlib
import io
import json
import os
import sqlite3
import stat
import subprocess
import tarfile

import pytest

from rktlib import busybox_rootfs, entry, manifest, oci_layout, tar_bytes
from test_docker import INSECURE, base_layer

IMAGE = "--insecure-options=image"


def listed(rkt, *args):
    return json.loads(rkt("image", "list", "--format=json", *args, code=0).out) or []


# ------------------------------------------------------------------------------------------------------------------- list

@pytest.fixture
def three(rkt):
    out = {}
    for name, size in (("b", 30000), ("a", 10000), ("c", 20000)):
        aci = rkt.aci(f"example.com/{name}", key="builder", how="tar", entries=[entry("rootfs"), entry("rootfs/x", os.urandom(size))])
        rkt.trust("builder", aci.name)
        rkt("fetch", aci.path, code=0)
        out[name] = aci
    return out


def names(rkt, *args):
    return [i["name"][12:13] for i in listed(rkt, *args)]


def test_a_name_is_looked_up_from_a_directory_that_was_removed(rkt):
    image = rkt.image(exec=["/bin/true"])
    gone = 'mkdir gone && cd gone && rmdir ../gone && exec "$@"'
    p = subprocess.run(["sh", "-c", gone, "sh", *rkt.argv("prepare", "--quiet", image.name)], cwd=rkt.tmp, env=rkt.env, capture_output=True, text=True)
    assert p.returncode == 0 and len(p.stdout.strip()) == 36, p


def test_the_texts_of_an_image_make_no_rows_and_no_columns(rkt):
    bad = "1\n\x1b[2J\tfake" + "x" * 1000
    rkt.image(version=bad, exec=["/bin/true"], userLabels={"k": "v\nstate=running"})
    (row,) = rkt("image", "list", "--no-legend", code=0).out.splitlines()
    assert "busybox:1??[2J?fakexx" in row and len(row) < 400 and "\x1b" not in row
    uuid = rkt("prepare", f"example.com/busybox:{bad}", code=0).out.strip()
    lines = rkt("app", "status", uuid, "--app=busybox", code=0).out.splitlines()
    assert "k:v?state=running" in lines and "state=running" not in lines


def test_list_sorts_by_several_fields_in_either_order(rkt, three):
    assert names(rkt) == ["b", "a", "c"]
    assert names(rkt, "--sort=name") == ["a", "b", "c"]
    assert names(rkt, "--sort=size") == ["a", "c", "b"]
    assert names(rkt, "--sort=size,name", "--order=desc") == ["b", "c", "a"]
    assert names(rkt, "--sort=importtime", "--order=DESC") == ["c", "a", "b"]


def test_list_shows_only_what_the_filters_mean(rkt, three):
    assert names(rkt, "--filter=name=example.com/[ab]", "--sort=name") == ["a", "b"]
    assert names(rkt, "--filter=name=*/c:1.0.0", f"--filter=id={three['c'].key[:14]}") == ["c"]
    assert names(rkt, "--filter=label=os=linux", "--filter=name=example.com/a") == ["a"]
    assert names(rkt, "--filter=label=os=plan9") == []
    assert rkt("image", "list", "--filter=name=nothing", "--format=json", code=0).out == "null\n"
    assert "a filter is id=BEGINNING, name=PATTERN or label=NAME=VALUE" in rkt("image", "list", "--filter=size=1", code=254).err


def test_list_shows_the_fields_asked_for(rkt, three):
    r = rkt("image", "list", "--fields=name,id", "--full", "--no-legend", code=0)
    assert r.out.splitlines()[0].split("\t")[0] == "example.com/b:1.0.0" and three["b"].key in r.out
    assert [c for c in rkt("image", "list", "--fields=lastused,size").out.splitlines()[0].split("\t") if c] == ["LAST USED", "SIZE"]
    for flag, text in (("--fields=nope", 'unknown option "nope"'), ("--fields=id,id", 'duplicated option "id"'),
                       ("--sort=id", 'unknown option "id"'), ("--fields=latest", 'unknown option "latest"'),
                       ("--order=up", "wrong sort order"), ("--format=xml", "Invalid format option: xml")):
        r = rkt("image", "list", flag, code=254)
        assert text in r.err, r


def test_list_as_json_has_the_references_members(rkt, three):
    assert [list(i) for i in listed(rkt)] == [["id", "name", "import_time", "last_used_time", "size"]] * 3
    assert rkt("image", "list", "--format=json-pretty", code=0).out.startswith('[\n\t{\n\t\t"id": ')


def test_an_image_whose_manifest_cannot_be_read_is_reported_and_the_others_are_listed(rkt, three):
    db = sqlite3.connect(rkt.data / "cas" / "index.db")
    db.execute("UPDATE image SET manifest='{' WHERE name='example.com/a'")
    db.execute("UPDATE image SET manifest=json_remove(manifest, '$.acVersion', '$.name') WHERE name='example.com/b'")
    db.commit()
    db.close()
    r = rkt("image", "list", "--fields=name", "--no-legend", code=0)
    assert r.out.startswith("example.com/c") and r.out.count("\n") == 1
    for text in ("list: 2 error(s) encountered when listing images:", "Unable to load manifest of image example.com/a because it is invalid:",
                 f"  {three['b'].key}"):
        assert text in r.err, r


def test_image_fetch_is_fetch(rkt):
    aci = rkt.aci()
    assert rkt("--insecure-options=image", "image", "fetch", aci.path, "--full", code=0).out == aci.key + "\n"
    size = json.loads(rkt("image", "list", "--format=json", code=0).out)[0]["size"]
    rkt("--insecure-options=image", "image", "fetch", aci.path, code=0)
    assert json.loads(rkt("image", "list", "--format=json", code=0).out)[0]["size"] == size, "its tree still counts"
    assert "fetch: must provide at least one image" in rkt("image", "fetch", code=254).err
    assert "image fetch" not in rkt("image", code=0).out
    assert "--signature" in rkt("image", "fetch", "--help", code=0).out


# --------------------------------------------------------------------------------------------------- what is not there, is there

@pytest.mark.parametrize("command", ["cat-manifest", "export", "extract", "render", "verify"])
def test_unknown_images(rkt, command):
    more = [rkt.tmp / "out"] if command in ("export", "extract", "render") else []
    text = 'cannot find aci satisfying name: "example.com/no" and labels: [] in the local store'
    assert text in rkt("image", command, "example.com/no", *more, code=254).err
    assert 'labels: [{"version" "7"}]' in rkt("image", command, "example.com/no:7", *more, code=254).err
    assert "no image IDs found" in rkt("image", command, "sha512-aabb", *more, code=254).err
    assert "image ID too short" in rkt("image", command, "sha512-a", *more, code=254).err
    assert not (rkt.tmp / "out").exists()


def test_rm_reports_what_it_cannot_find_and_goes_on(rkt, three):
    r = rkt("image", "rm", "example.com/no", three["a"].key[:20], "example.com/a", code=0)
    assert "cannot find aci satisfying name" in r.err and "rm: 1 image(s) successfully removed" in r.err
    assert r.out == f'successfully removed aci for image: "{three["a"].key}"\n'
    assert rkt("image", "rm", "example.com/no", code=0).out == ""
    assert "must provide at least one image ID" in rkt("image", "rm", code=254).err
    assert "must provide at least one image ID" in rkt("image", "verify", code=254).err
    assert "verify: unable to resolve store key for image example.com/no: cannot find image; " in rkt("image", "verify", "example.com/no", code=254).err


def test_cat_manifest_both_ways(rkt, three):
    pretty = rkt("image", "cat-manifest", "example.com/a", code=0).out
    flat = rkt("image", "cat-manifest", "--pretty-print=false", "example.com/a", code=0).out
    assert "\n\t\"acKind\": " in pretty and flat.count("\n") == 1 and json.loads(pretty) == json.loads(flat)


def test_export_does_not_overwrite_unasked(rkt, three):
    out = rkt.tmp / "out.aci"
    rkt("image", "export", "example.com/a", out, code=0)
    assert oct(out.stat().st_mode & 0o7777) == "0o644"
    assert "output ACI file exists (try --overwrite)" in rkt("image", "export", "example.com/b", out, code=254).err
    rkt("image", "export", "--overwrite", "example.com/b", out, code=0)
    assert "sha512-" + hashlib.sha512(out.read_bytes()).hexdigest() == three["b"].id


def test_what_is_no_regular_file_is_written_into_and_stays(rkt, three):
    node, pipe, link, to, dangling = (str(rkt.tmp / n) for n in ("null", "pipe", "stdout", "link", "dangling"))
    os.mknod(node, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    os.mkfifo(pipe)
    os.symlink("/proc/self/fd/1", link)
    (rkt.tmp / "old").write_text("old")
    os.symlink("old", to)
    os.symlink("nowhere", dangling)
    export = ("image", "export", "--overwrite", "example.com/a")
    assert "output ACI file exists" in rkt("image", "export", "example.com/a", node, code=254).err
    rkt(*export, node, code=0)
    reader = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    rkt(*export, pipe, code=0)
    got = os.read(reader, 1 << 20)
    os.close(reader)
    digests = [hashlib.sha512(b).hexdigest() for b in (got, rkt(*export, link, code=0).raw)]
    rkt(*export, to, code=0)
    assert {"sha512-" + d for d in [*digests, hashlib.sha512((rkt.tmp / "old").read_bytes()).hexdigest()]} == {three["a"].id}
    rkt(*export, dangling, code=0)
    assert "sha512-" + hashlib.sha512((rkt.tmp / "nowhere").read_bytes()).hexdigest() == three["a"].id and os.path.islink(dangling)
    for command in ("extract", "render"):
        for path in (node, pipe, link, rkt.tmp / "old"):
            assert "is not a directory" in rkt("image", command, "--overwrite", "example.com/a", path, code=254).err
    assert [stat.S_IFMT(os.lstat(p).st_mode) for p in (node, pipe, link, to)] == [stat.S_IFCHR, stat.S_IFIFO, stat.S_IFLNK, stat.S_IFLNK]
    assert not [n for n in os.listdir(rkt.tmp) if n.startswith(".")]


@pytest.mark.parametrize("command", ["extract", "render"])
def test_extract_and_render_write_manifest_and_rootfs(rkt, command):
    aci = rkt.image(extra=[entry("rootfs/marked", "here", mode=0o640, uid=5, gid=6)])
    out, young, old, held = (rkt.tmp / n for n in ("out", ".rkt-image-young", ".rkt-image-old", ".rkt-image-held"))
    for abandoned in (young, old, held):
        (abandoned / "rootfs").mkdir(parents=True)
    os.utime(old, (1, 1))
    os.utime(held, (1, 1))
    lock = os.open(held, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    rkt("image", command, aci.name, out, code=0)
    os.close(lock)
    assert (young.exists(), old.exists(), held.exists()) == (True, False, True), "what a killed one left goes, not what is being made"
    st = (out / "rootfs" / "marked").stat()
    assert sorted(f.name for f in out.iterdir()) == ["manifest", "rootfs"]
    assert (oct(st.st_mode & 0o7777), st.st_uid, st.st_gid, (out / "rootfs" / "marked").read_text()) == ("0o640", 5, 6, "here")
    assert json.loads((out / "manifest").read_text())["name"] == aci.name
    assert "output directory exists (try --overwrite)" in rkt("image", command, aci.name, out, code=254).err
    rkt("image", command, "--overwrite", "--rootfs-only", aci.name, out, code=0)
    assert (out / "marked").read_text() == "here" and not (out / "manifest").exists()
    for root in ("/", "//", "/."):
        assert "this would delete your root filesystem. Refusing." in rkt("image", command, "--overwrite", aci.name, root, code=254).err
    assert os.path.isdir("/etc")


def test_verify_says_what_it_found(rkt):
    aci = rkt.image(extra=[entry("rootfs/marked", "a mark that is nowhere else")])
    good = f'successfully verified checksum for image: "{aci.name}" ("{aci.key}")\n'
    assert rkt("image", "verify", aci.name, code=0).out == good
    for f in (rkt.data / "cas" / "tree").rglob("*"):
        if f.is_file() and not f.is_symlink() and b"a mark that is nowhere else" in (data := f.read_bytes()):
            f.write_bytes(data.replace(b"a mark that is", b"A mark that is"))
    r = rkt("image", "verify", aci.name, code=0)
    assert r.out.startswith(f"tree cache verification failed for image {aci.name}: ") and r.out.endswith(";  rebuilding...\n")
    assert rkt("image", "verify", aci.name, code=0).out == good
    rkt("image", "gc", code=0)  # trees that no pod refers to
    assert rkt("image", "verify", aci.name, code=0).out == f'image "{aci.name}" not rendered; no verification needed\n'


# ----------------------------------------------------------------------------------------------------------------- import

def docker_archive(path, layers, config, tags, style="docker"):
    """As `docker save` (ID/layer.tar, a repeated layer as a link) and `podman save` (DIGEST.tar) write it."""
    tars = [tar_bytes(layer) for layer in layers]
    digests = [hashlib.sha256(t).hexdigest() for t in tars]
    document = json.dumps({"architecture": "amd64" if os.uname().machine == "x86_64" else "arm64", "os": "linux", "config": config,
                           "rootfs": {"type": "layers", "diff_ids": ["sha256:" + d for d in digests]}}).encode()
    name = hashlib.sha256(document).hexdigest()
    entries, paths, seen = [], [], {}
    for n, (tar, digest) in enumerate(zip(tars, digests)):
        where = f"{digest}.tar" if style == "podman" else f"{hashlib.sha256(bytes([n])).hexdigest()}/layer.tar"
        if digest not in seen:
            entries.append(entry(where, tar))
        elif style == "docker":
            entries.append(entry(where, link="../" + seen[digest]))
        elif style == "hard links":
            entries.append(entry(where, link=seen[digest], type=tarfile.LNKTYPE))
        seen.setdefault(digest, where)
        paths.append(where)
    entries += [entry(f"{name}.json", document), entry("repositories", "{}"),
                entry("manifest.json", json.dumps([{"Config": f"{name}.json", "RepoTags": tags, "Layers": paths}]))]
    path.write_bytes(tar_bytes(entries))
    return path


@pytest.mark.parametrize("style", ["docker", "podman", "hard links"])
def test_import_of_a_docker_archive(rkt, style):
    twice = [entry("again", "again")]
    saved = docker_archive(rkt.tmp / "saved.tar", [base_layer(), twice, [entry("top", "top")], twice],
                           {"Cmd": ["/bin/cat", "/top", "/again"], "Env": ["PATH=/bin"], "Volumes": {"/data": {}}}, ["tools/thing:3.1", "x:2"], style)
    assert "--insecure-options=image" in rkt("image", "import", saved, code=254).err
    r = rkt(IMAGE, "image", "import", "--full", saved, code=0)
    id = r.out.strip()
    assert [(i["id"], i["name"]) for i in listed(rkt)] == [(id, "tools/thing:3.1")]
    assert 'the archive also names the image "x:2"' in r.err
    assert rkt(IMAGE, "run", "--net=none", "tools/thing", code=0).out == "topagain"
    m = json.loads(rkt("image", "cat-manifest", "tools/thing", code=0).out)
    assert {"name": "appc.io/docker/repository", "value": "tools/thing"} in m["annotations"]  # volumes are seeded for such images
    assert m["app"]["mountPoints"][0]["path"] == "/data"
    rkt(IMAGE, "image", "import", "--name=example.com/mine:7", saved, code=0)
    assert sorted(i["name"] for i in listed(rkt) if not i["name"].startswith("coreos.com/rkt/")) == ["example.com/mine:7", "tools/thing:3.1"]
    assert rkt("store", "check", code=0).out == ""


def test_a_real_tools_archive(rkt, tmp_path):
    oci = oci_layout(tmp_path / "oci", [base_layer()], {"Cmd": ["/bin/echo", "hello"], "Env": ["PATH=/bin"]})
    subprocess.run(["skopeo", "copy", "--quiet", "--insecure-policy", f"oci:{oci}:latest", f"docker-archive:{tmp_path}/d.tar:t/x:1"], check=True)
    subprocess.run(["skopeo", "copy", "--quiet", "--insecure-policy", f"oci:{oci}:latest", f"oci-archive:{tmp_path}/o.tar:one"], check=True)
    rkt(IMAGE, "image", "import", f"docker-archive:{tmp_path}/d.tar", "--name=example.com/d", code=0)
    rkt(IMAGE, "image", "import", f"oci-archive:{tmp_path}/o.tar:one", "--name=example.com/o:2", code=0)
    rkt(IMAGE, "image", "import", oci, "--name=example.com/l", code=0)
    for name in ("example.com/d", "example.com/o:2", "example.com/l"):
        assert name in {i["name"] for i in listed(rkt)} or name in ("example.com/o:2", "example.com/l")
    assert rkt(IMAGE, "run", "--net=none", "example.com/d", code=0).out == "hello\n"


def test_import_of_a_directory_is_an_aci(rkt):
    top = rkt.tmp / "dir"
    with tarfile.open(fileobj=io.BytesIO(tar_bytes(busybox_rootfs([entry("rootfs/" + "d" * 90 + "/" + "f" * 90, "deep", uid=70000, gid=3000000)])))) as tar:
        tar.extractall(top, numeric_owner=True)
    os.link(top / "rootfs/etc/passwd", top / "rootfs/etc/passwd2")
    os.mknod(top / "rootfs/null", 0o020666, os.makedev(1, 3))
    os.setxattr(top / "rootfs/etc/group", "user.note", b"x=\n\0y")
    (top / "manifest").write_text(json.dumps(manifest("example.com/dir", exec=["/bin/cat", "/etc/passwd2"])))
    assert "--insecure-options=image" in rkt("image", "import", top, code=254).err
    id = rkt(IMAGE, "image", "import", "--full", top, code=0).out.strip()
    assert rkt(IMAGE, "image", "import", "--full", top, code=0).out.strip() == id, "the same bytes each time"
    assert "root:x:0:0" in rkt(IMAGE, "run", "--net=none", "example.com/dir", code=0).out
    out = rkt.tmp / "out"
    rkt("image", "extract", "--rootfs-only", id, out, code=0)
    from treecmp import compare
    compare(str(top / "rootfs"), str(out))
    rkt(IMAGE, "image", "import", "--name=example.com/other:9", top, code=0)
    assert {i["name"] for i in listed(rkt)} >= {"example.com/dir:1.0.0", "example.com/other:9"}
    assert rkt("store", "check", code=0).out == ""


def test_import_refuses_what_is_no_image(rkt):
    empty = rkt.tmp / "empty"
    empty.mkdir()
    note = rkt.tmp / "note.tar"
    note.write_bytes(tar_bytes([entry("note", "x")]))
    for source, text in ((empty, f"\"{empty}\" is no OCI layout"), (note, "no docker archive"), (rkt.tmp / "missing", "no file or directory \"")):
        r = rkt(IMAGE, "image", "import", source, code=254)
        assert text in r.err and len(r.err.strip().splitlines()) <= 2, r
    evil = rkt.tmp / "evil.tar"
    for link, layers in (("/etc/passwd", ["a/layer.tar"]), (None, ["../../etc/passwd"]), (None, ["missing/layer.tar"])):
        evil.write_bytes(tar_bytes(([entry("a/layer.tar", link=link)] if link else []) +
                                   [entry("c.json", "{}"), entry("manifest.json", json.dumps([{"Config": "c.json", "RepoTags": None, "Layers": layers}]))]))
        r = rkt(IMAGE, "image", "import", evil, code=254)
        assert f'"{evil}": open ' in r.err and listed(rkt) == [], r
    for source, text in (("-", "standard input is empty"), (rkt.aci().path, "an ACI is taken by: rkt fetch"),
                         (empty, f'"{empty}": open "rootfs"')):
        (empty / "manifest").write_text(json.dumps(manifest("example.com/x")))
        r = rkt(IMAGE, "image", "import", source, code=254)
        assert text in r.err and len(r.complaints) == 1, r
    assert rkt("image", "import", code=254).out.startswith("NAME:\n\timage import")
    assert "bad image name" in rkt(IMAGE, "image", "import", "--name=x:", evil, code=254).err
