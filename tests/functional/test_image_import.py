# SPDX-License-Identifier: Apache-2.0
"""`image import` of what skopeo and podman write."""
import json
import subprocess

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


def test_a_directory_of_blobs(rkt, tmp_path):
    skopeo(oci_layout(tmp_path / "oci", [[entry("a", "x")]]), f"dir:{tmp_path}/made")
    assert IMAGE in rkt("image", "import", f"dir:{tmp_path}/made", code=254).err
    rkt(IMAGE, "image", "import", f"dir:{tmp_path}/made", code=0)
    rkt(IMAGE, "image", "import", "--name=example.com/x:1", tmp_path / "made", code=0)
    assert names(rkt) == {"made", "example.com/x:1"}
    rkt("image", "extract", "--rootfs-only", "example.com/x", tmp_path / "out", code=0)
    assert (tmp_path / "out" / "a").read_text() == "x"
    (tmp_path / "made" / "manifest.json").write_text("{}")
    rkt(IMAGE, "image", "import", f"dir:{tmp_path}/made", code=254)
