# SPDX-License-Identifier: Apache-2.0
"""Manifests that are well formed and state what is not so: refused before anything of them is stored."""
import hashlib
import json

from rktlib import entry, oci_layout

INSECURE = "--insecure-options=image"


def change_manifest(layout, change):
    """Rewrites the one manifest of a layout."""
    index = json.loads((layout / "index.json").read_text())
    (at,) = index["manifests"]
    blobs = layout / "blobs" / "sha256"
    manifest = json.loads((blobs / at["digest"][7:]).read_text())
    change(manifest)
    data = json.dumps(manifest).encode()
    digest = hashlib.sha256(data).hexdigest()
    (blobs / digest).write_bytes(data)
    at.update(digest="sha256:" + digest, size=len(data))
    (layout / "index.json").write_text(json.dumps(index))


def test_a_layer_of_another_image_has_the_size_that_the_manifest_states(rkt, tmp_path):
    layers = [[entry("a", "1")]]
    rkt(INSECURE, "fetch", f"oci:{oci_layout(tmp_path / 'one', layers)}", code=0)
    oci_layout(tmp_path / "two", layers)
    change_manifest(tmp_path / "two", lambda m: m["layers"][0].update(size=2 ** 63 - 1))
    r = rkt(INSECURE, "fetch", f"oci:{tmp_path / 'two'}", code=254)
    assert "bytes instead of 9223372036854775807; if the image is right, the store is damaged: `rkt store check" in r.err, r
    assert len(json.loads(rkt("image", "list", "--format=json", code=0).out)) == 1
    assert rkt("store", "check", code=0).out == ""


def test_an_image_without_layers_is_not_stored(rkt, tmp_path):
    r = rkt(INSECURE, "fetch", f"oci:{oci_layout(tmp_path / 'oci', [])}", code=254)
    assert "the image has no layers: not creating ACI" in r.err, r
    assert not json.loads(rkt("image", "list", "--format=json", code=0).out or "[]")
    assert rkt("store", "check", code=0).out == ""


def test_a_value_that_no_manifest_may_hold_is_refused_before_anything_is_stored(rkt, tmp_path):
    layout = tmp_path / "oci"
    oci_layout(layout, [[entry("a", "1")]], {"Cmd": ["/bin/sh", "a\0b"]})
    r = rkt(INSECURE, "fetch", f"oci:{layout}", code=254)
    assert "error converting docker image to ACI: app.exec[1]: an argument holds a NUL character" in r.err, r
    assert not json.loads(rkt("image", "list", "--format=json", code=0).out or "[]")
    assert rkt("store", "check", code=0).out == ""


def test_a_name_is_no_layout_of_the_current_directory(rkt, tmp_path):
    aci = rkt.aci("example.com/bb", entries=[entry("rootfs"), entry("rootfs/a", "1")])
    rkt(INSECURE, "fetch", aci.path, code=0)
    oci_layout(tmp_path / "here" / "example.com" / "bb", [[entry("a", "2")]])
    r = rkt(INSECURE, "prepare", "example.com/bb", "--exec=/a", code=0, cwd=tmp_path / "here")
    assert json.loads(rkt("cat-manifest", r.out.strip(), code=0).out)["apps"][0]["image"]["id"].startswith(aci.key)
    rkt(INSECURE, "fetch", "./example.com/bb", code=0, cwd=tmp_path / "here")
