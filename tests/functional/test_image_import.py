# SPDX-License-Identifier: Apache-2.0
"""`image import` of what skopeo and podman write."""
import gzip
import json
import os
import subprocess

import pytest

from rktlib import entry, oci_layout

IMAGE = "--insecure-options=image"


def skopeo(source, to):
    subprocess.run(["skopeo", "copy", "--quiet", "--insecure-policy", f"oci:{source}:latest", to], check=True)


def names(rkt):
    return {i["name"] for i in json.loads(rkt("image", "list", "--format=json", code=0).out) or []}


def test_an_image_in_an_archive_has_all_the_spellings_of_its_name(rkt, tmp_path):
    skopeo(oci_layout(tmp_path / "oci", [[entry("a", "x")]]), f"docker-archive:{tmp_path}/d.tar:docker.io/library/foo:1.2")
    for name in ("foo:1.2", "library/foo:1.2", "docker.io/library/foo:1.2"):
        rkt(IMAGE, "image", "import", f"docker-archive:{tmp_path}/d.tar:{name}", code=0)
    assert "holds no image named" in rkt(IMAGE, "image", "import", f"docker-archive:{tmp_path}/d.tar:foo:1", code=254).err


def test_what_docker_save_writes_has_no_signature(rkt, tmp_path):
    skopeo(oci_layout(tmp_path / "oci", [[entry("a", "x")]]), f"docker-archive:{tmp_path}/d.tar:docker.io/library/foo:1.2")
    for command in (["fetch", f"docker-archive:{tmp_path}/d.tar"], ["image", "import", tmp_path / "d.tar"]):
        assert rkt(*command, code=254).err == (
            f'{command[-2]}: image "docker-archive:{tmp_path}/d.tar": such archives carry no signature; '
            'fetch the image from its registry, or use --insecure-options=image\n')


def test_a_directory_of_blobs(rkt, tmp_path):
    skopeo(oci_layout(tmp_path / "oci", [[entry("a", "x")]]), f"dir:{tmp_path}/made")
    assert IMAGE in rkt("image", "import", f"dir:{tmp_path}/made", code=254).err
    rkt(IMAGE, "image", "import", f"dir:{tmp_path}/made", code=0)
    rkt(IMAGE, "image", "import", "--name=example.com/x:1", tmp_path / "made", code=0)
    assert names(rkt) == {"made", "example.com/x:1"}
    for bad in ("BAD", "a b", "a,os=linux", "a:b:c", "a:x,y", "a:"):
        rkt(IMAGE, "image", "import", f"--name={bad}", tmp_path / "made", code=254)
        assert names(rkt) == {"made", "example.com/x:1"}, bad
    rkt("image", "extract", "--rootfs-only", "example.com/x", tmp_path / "out", code=0)
    assert (tmp_path / "out" / "a").read_text() == "x"
    (tmp_path / "made" / "manifest.json").write_text("{}")
    rkt(IMAGE, "image", "import", f"dir:{tmp_path}/made", code=254)


@pytest.mark.parametrize("annotations, name", [
    ({"org.opencontainers.image.ref.name": "localhost/foo:1"}, "localhost/foo:1"),
    ({"org.opencontainers.image.ref.name": "1", "io.containerd.image.name": "docker.io/library/foo:1"}, "docker.io/library/foo:1"),
    ({"org.opencontainers.image.ref.name": "no/Reference"}, "oci"), ({"org.opencontainers.image.ref.name": "latest"}, "oci")])
def test_the_name_that_a_layout_has_for_its_image_is_kept(rkt, tmp_path, annotations, name):
    """podman writes the whole of it, docker beside a mere tag."""
    layout = oci_layout(tmp_path / "oci", [[entry("a", "x")]])
    index = json.load(open(f"{layout}/index.json"))
    index["manifests"][0]["annotations"] = annotations
    json.dump(index, open(f"{layout}/index.json", "w"))
    ids = [rkt(IMAGE, *command, code=0).out for command in (["image", "import", layout], ["fetch", f"oci:{layout}"])]
    assert names(rkt) == {name} and ids[0] == ids[1]


def test_a_layout_named_like_standard_input_is_none(rkt, tmp_path):
    layout = oci_layout(tmp_path / "-", [[entry("a", "x")]])
    for source in ("./-", "oci:./-", layout):
        r = rkt(IMAGE, "image", "import", source, cwd=tmp_path, input=b"", code=254)
        assert 'import: bad image name "-": must contain at least one valid character; another is given by: rkt image import --name=NAME[:VERSION]\n' in r.err, r
        rkt(IMAGE, "image", "import", "--name=example.com/x:1", source, cwd=tmp_path, input=b"", code=0)
    assert 'bad image name "-"' in rkt(IMAGE, "fetch", "oci:./-", cwd=tmp_path, code=254).err


def archive_of(source, to):
    skopeo(source, to)
    with open(to.split(":")[1], "rb") as f:
        return f.read()


def test_an_archive_comes_through_a_pipe(rkt, tmp_path):
    """As `docker save` and `podman save` write it."""
    layout = oci_layout(tmp_path / "oci", [[entry("a", "x")]])
    docker = archive_of(layout, f"docker-archive:{tmp_path}/d.tar:docker.io/library/foo:1.2")
    oci = archive_of(layout, f"oci-archive:{tmp_path}/o.tar:localhost/bar:3")
    rkt(IMAGE, "fetch", f"docker-archive:{tmp_path}/d.tar", code=0)
    kept = names(rkt)
    for source in ("-", "docker-archive:-", "/dev/stdin", "docker-archive:-:docker.io/library/foo:1.2", "/dev/stdin:docker.io/library/foo:1.2"):
        r = rkt(IMAGE, "image", "import", source, input=docker, code=0)
        assert r.out.startswith("sha512-") and names(rkt) == kept, (source, r)
    rkt(IMAGE, "image", "import", "-", input=gzip.compress(oci), code=0)
    rkt(IMAGE, "image", "import", "--name=example.com/x:1", "oci-archive:-", input=oci, code=0)
    assert names(rkt) == {*kept, "localhost/bar:3", "example.com/x:1"}
    with open(tmp_path / "d.tar", "rb") as f:  # a file in the place of a pipe
        subprocess.run(rkt.argv(IMAGE, "image", "import", "--name=example.com/y", "-"), env=rkt.env, stdin=f, check=True, stdout=subprocess.DEVNULL)
    assert names(rkt) == {*kept, "localhost/bar:3", "example.com/x:1", "example.com/y"}
    assert list((rkt.data / "cas" / "partial").iterdir()) == []
    assert rkt("store", "check", code=0).out == ""


def test_what_a_pipe_may_not_bring(rkt, tmp_path):
    layout = oci_layout(tmp_path / "oci", [[entry("a", "x")]])
    oci = archive_of(layout, f"oci-archive:{tmp_path}/o.tar:1")
    docker = archive_of(layout, f"docker-archive:{tmp_path}/d.tar:docker.io/library/foo:1.2")
    for given, source, options, why in (
            (b"", "-", [IMAGE], "standard input is empty"), (b"no archive", "-", [IMAGE], "standard input: "), (oci[:700], "-", [IMAGE], "standard input: "),
            (oci, "-", [IMAGE], "the image on standard input has no name; give it one: --name=NAME[:VERSION]"),
            (oci, "oci-archive:-:none", [IMAGE], 'standard input: the layout holds no image named "none"'),
            (docker, "docker-archive:-:bar", [IMAGE], 'standard input: the archive holds no image named "bar"'),
            (docker, "-", [], "such archives carry no signature")):
        r = rkt(*options, "image", "import", source, input=given, code=254)
        assert why in r.err and len(r.complaints) == 1 and r.out == "", (why, r)
    assert names(rkt) == set() and list((rkt.data / "cas" / "partial").iterdir()) == []
    master, slave = os.openpty()
    r = subprocess.run(rkt.argv("image", "import", "-"), env=rkt.env, stdin=slave, capture_output=True)
    os.close(master), os.close(slave)
    assert r.returncode == 254 and b"standard input is a terminal; docker save IMAGE | rkt image import -" in r.stderr, r


def test_who_is_killed_while_reading_a_pipe_leaves_nothing(rkt):
    process = rkt.start(IMAGE, "image", "import", "-", stdin=subprocess.PIPE)
    process.stdin.write(os.urandom(1 << 20))  # more than a pipe holds: it has been read
    process.stdin.flush()
    process.kill()
    process.wait()
    assert list((rkt.data / "cas" / "partial").iterdir()) == []
