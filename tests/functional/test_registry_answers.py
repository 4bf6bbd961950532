# SPDX-License-Identifier: Apache-2.0
"""What a registry answers that is no image: layers that are elsewhere, and refusals."""
import hashlib
import json
import os

from rktlib import entry, oci_layout
from test_docker import INSECURE

OCI = "application/vnd.oci.image."
FOREIGN = OCI + "layer.nondistributable.v1.tar"


def blob(oci, digest):
    with open(os.path.join(oci, "blobs", "sha256", digest.removeprefix("sha256:")), "rb") as f:
        return f.read()


def manifest_of(oci):
    return json.loads(blob(oci, json.load(open(os.path.join(oci, "index.json")))["manifests"][0]["digest"]))


def elsewhere(web, oci, media):
    """The manifest of a layout with URLs of its layers."""
    manifest = manifest_of(oci)
    for i, layer in enumerate(manifest["layers"]):
        data = blob(oci, layer["digest"])
        web.hooks[f"/elsewhere/{i}"] = lambda h, data=data: h.reply(200, data) or True
        layer.update(urls=["ftp://example.com/x", *["http://" + "\1" * 500] * 2, f"{web.url}/elsewhere/{i}"], mediaType=media + "+gzip")
    return manifest


def serve(web, oci, media):
    """A layout as t/x:1 of a registry that has none of its layers. Returns the reference."""
    manifest = elsewhere(web, oci, media)
    config = blob(oci, manifest["config"]["digest"])
    web.hooks["/v2/"] = lambda h: h.reply(200, b"{}") or True
    web.hooks["/v2/t/x/manifests/1"] = lambda h: h.reply(200, json.dumps(manifest).encode(), {"Content-Type": OCI + "manifest.v1+json"}) or True
    web.hooks[f"/v2/t/x/blobs/{manifest['config']['digest']}"] = lambda h: h.reply(200, config) or True
    return f"docker://{web.address}/t/x:1"


def test_layers_that_registries_need_not_have_come_from_their_urls(rkt, web, tmp_path):
    names = "abcdefghijklmnopqrst"  # in one message
    oci = oci_layout(tmp_path / "oci", [[entry(name, "x")] for name in names])
    key = rkt(INSECURE, "fetch", "--full", serve(web, oci, FOREIGN), code=0).out.strip()
    rkt("image", "render", "--rootfs-only", key, tmp_path / "out", code=0)
    assert sorted(os.listdir(tmp_path / "out")) == list(names)


def test_other_layers_do_not(rkt, web, tmp_path):
    oci = oci_layout(tmp_path / "oci", [[entry("a", "x")]])
    r = rkt(INSECURE, "fetch", serve(web, oci, OCI + "layer.v1.tar"), code=254)
    assert "Unexpected HTTP code: 404" in r.err and not web.gets("/elsewhere/0")


def test_a_layout_need_not_hold_them_either(rkt, web, tmp_path):
    oci = oci_layout(tmp_path / "oci", [[entry("a", "x")], [entry("b", "x")]])
    manifest = elsewhere(web, oci, FOREIGN)
    left_out = manifest["layers"][0]["digest"]
    (tmp_path / "oci/blobs/sha256" / left_out[7:]).unlink()
    missing = f"fetch: the layout does not hold layer {left_out}"
    assert rkt(INSECURE, "fetch", f"oci:{oci}", code=254).complaints == [missing]
    data = json.dumps(manifest).encode()
    digest = hashlib.sha256(data).hexdigest()
    (tmp_path / "oci/blobs/sha256" / digest).write_bytes(data)
    index = json.loads((tmp_path / "oci/index.json").read_text())
    index["manifests"][0].update(digest="sha256:" + digest, size=len(data))
    (tmp_path / "oci/index.json").write_text(json.dumps(index))
    assert missing + "; its URLs may be asked" in rkt(INSECURE, "fetch", "--pull-policy=never", f"oci:{oci}", code=254).err
    assert f"none of the URLs of {left_out} is https" in rkt("--insecure-options=image", "fetch", f"oci:{oci}", code=254).err
    assert not web.gets("/elsewhere/0")
    key = rkt(INSECURE, "fetch", "--full", f"oci:{oci}", code=0).out.strip()
    rkt("image", "render", "--rootfs-only", key, tmp_path / "out", code=0)
    assert sorted(os.listdir(tmp_path / "out")) == ["a", "b"] and not web.gets("/elsewhere/1")


def test_a_refusal_is_shown_as_the_registry_words_it(rkt, web):
    body = json.dumps({"errors": [{"code": "DENIED", "message": "expired\n\x1b[31msee example.com"}]}).encode()
    for path in ("/v2/", "/v2/t/x/manifests/1"):
        web.hooks[path] = lambda h: h.reply(403, body) or True
    r = rkt(INSECURE, "fetch", f"docker://{web.address}/t/x:1", code=254)
    assert "DENIED: expired" in r.err and "see example.com" in r.err and "passwords" not in r.err
    assert "\x1b" not in r.err and len(r.complaints) == 1, r


def test_a_signature_file_is_for_acis(rkt, web, tmp_path):
    oci = oci_layout(tmp_path / "oci", [[entry("a", "x")]])
    for image in (f"docker://{web.address}/t/x:1", f"oci:{oci}"):
        r = rkt(INSECURE, "fetch", image, "--signature=x.asc", code=254)
        assert "--signature is for ACIs" in r.err and len(r.complaints) == 1, r
    assert web.log == []
